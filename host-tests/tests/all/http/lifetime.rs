//! Sessions survive restarts, and requests survive stop signals.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use host_tests::raw::Client;
use host_tests::server::{Server, private_directory};
use host_tests::visitor::Visitor;
use nix::sys::signal::Signal;
use session_conformance::wait::wait_for;

#[tokio::test]
async fn sessions_survive_a_restart_of_the_server() {
    let directory = private_directory();
    let visitor = Visitor::new();
    let server = Server::on(directory.path());
    let id = visitor.post(&server, "/increment", &[]).await.id().map(str::to_owned);
    server.stop();

    let server = Server::on(directory.path());
    let page = visitor.post(&server, "/increment", &[]).await;
    assert_eq!((page.id(), page.counter()), (id.as_deref(), 2));
    drop(server); // by SIGKILL

    let server = Server::on(directory.path());
    let page = visitor.get(&server, "/").await;
    assert_eq!((page.id(), page.counter()), (id.as_deref(), 2));
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_server_ends() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
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
        // Sent when the component begins to read the form.
        let mut said = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut said).unwrap();
        assert!(said.starts_with(b"HTTP/1.1 100 "));

        server.signal(signal);
        wait_for("no more connections are accepted", || TcpStream::connect(server.address()).err());
        stream.write_all(form.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 303 "), "{signal}: {answer}");
        assert!(answer.contains("set-cookie: session3="), "{signal}: {answer}");
        assert!(server.ended().success(), "{signal}");
        assert!(server.log().contains(&format!("{signal}: finishing in-flight requests")));
    }
}

/// Signals of closing terminals and of log rotation.
#[tokio::test]
async fn other_signals_end_nothing() {
    const FORM: &str = "user=alice";
    let mut server = Server::new();
    let head = format!("POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", FORM.len());
    let mut client = Client::begin(&server, &format!("{head}Connection: close\r\nExpect: 100-continue\r\n\r\n")).await;
    client.hear("HTTP/1.1 100 Continue\r\n\r\n").await;
    for signal in [Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2] {
        server.signal(signal);
        let line = format!("{signal} ignored");
        wait_for("it is logged", || server.log().contains(&line).then_some(()));
    }
    server.signal(Signal::SIGPIPE);
    assert_eq!(Visitor::new().get(&server, "/").await.status, 200);
    client.send(FORM).await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
    server.signal(Signal::SIGTERM);
    assert!(server.ended().success());
    assert_eq!(server.log().matches(" ignored: ").count(), 3, "a line for each: {}", server.log());
}

/// A request on a kept-alive connection arrives just as the server is told to stop.
#[tokio::test]
async fn what_has_arrived_is_answered_and_idle_connections_end() {
    let mut server = Server::new();
    let idle = Client::connect(&server).await;
    let mut kept = Client::begin(&server, "GET /style.css HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    kept.hear("HTTP/1.1 200 OK").await;
    server.signal(Signal::SIGSTOP);
    let mut late = Vec::new();
    for _ in 0..5 {
        let request = "POST /increment HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
        late.push(Client::begin(&server, request).await);
    }
    kept.send("POST /keep HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
    server.signal(Signal::SIGTERM);
    server.signal(Signal::SIGCONT);
    for late in late {
        // `Connection: close` is in it, unless it was complete before the server saw the signal.
        let answer = late.rest().await;
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
    }
    let answer = kept.rest().await;
    assert!(answer.contains("HTTP/1.1 303 "), "{answer}");
    assert_eq!(idle.rest().await, "");
    assert!(server.ended().success());
    assert!(server.log().ends_with(" stopped\n"), "{}", server.log());
}
