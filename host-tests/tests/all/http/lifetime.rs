//! Sessions outlive the server, and requests the signal to stop.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use host_tests::server::{Server, private_directory};
use host_tests::visitor::Visitor;
use host_tests::wait::wait_for;
use nix::sys::signal::Signal;

#[tokio::test]
async fn sessions_survive_a_restart_of_the_server() {
    let directory = private_directory();
    let visitor = Visitor::new();
    let server = Server::on(directory.path());
    let id = visitor.get(&server, "/increment").await.id().map(str::to_owned);
    server.stop();

    let server = Server::on(directory.path());
    let page = visitor.get(&server, "/increment").await;
    assert_eq!((page.id(), page.counter()), (id.as_deref(), 2));
    drop(server); // by a signal that cannot be caught

    let server = Server::on(directory.path());
    let page = visitor.get(&server, "/").await;
    assert_eq!((page.id(), page.counter()), (id.as_deref(), 2));
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_server_ends() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut server = Server::new();
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let form = "user=alice";
        let head = format!(
            "POST /login HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            server.address(),
            form.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // It is said when the component begins to read the form.
        let mut said = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut said).unwrap();
        assert!(said.starts_with(b"HTTP/1.1 100 "));

        server.signal(signal);
        wait_for("no connection is accepted any more", || TcpStream::connect(server.address()).err());
        stream.write_all(form.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 303 "), "{signal}: {answer}");
        assert!(answer.contains("set-cookie: session="), "{signal}: {answer}");
        assert!(server.ended().success(), "{signal}");
        assert!(server.log().contains(&format!("{signal}: finishing the requests in flight")));
    }
}
