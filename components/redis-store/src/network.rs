//! Streams of bytes over `wasi:sockets`, with a time-out: the only module that calls it.

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::io::poll::{Pollable, poll};
use wasi::io::streams::{InputStream, OutputStream, StreamError};
use wasi::sockets::instance_network::instance_network;
use wasi::sockets::ip_name_lookup::resolve_addresses;
use wasi::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, Network,
};
use wasi::sockets::tcp::TcpSocket;
use wasi::sockets::tcp_create_socket::create_tcp_socket;

/// How long the server may take to accept a connection, and then to take or send the next bytes. In nanoseconds.
const TIMEOUT: u64 = 2_000_000_000;

/// The bytes asked for at once.
const CHUNK: u64 = 64 << 10;

/// A connection. Fields are dropped in this order: the streams before their socket.
pub struct Stream {
    input: InputStream,
    output: OutputStream,
    _socket: TcpSocket,
}

/// Why there is no connection any more.
pub enum Broken {
    /// `wasi:sockets` refused.
    Refused(ErrorCode),
    /// The name has no address.
    NoAddress,
    /// The server closed the connection.
    Closed,
    /// Nothing moved for too long.
    TimedOut,
}

impl Stream {
    /// Connects to an address or to the first address of a name that answers.
    pub fn connect(host: &str, port: u16) -> Result<Self, Broken> {
        let network = instance_network();
        if let Ok(address) = host.parse() {
            return Self::connect_to(&network, socket_address(address, port));
        }
        let found = resolve_addresses(&network, host)?;
        let mut broken = Broken::NoAddress;
        while let Some(address) = retried(|| found.resolve_next_address(), || found.subscribe())? {
            match Self::connect_to(&network, socket_address(ip(address), port)) {
                Ok(stream) => return Ok(stream),
                Err(error) => broken = error,
            }
        }
        Err(broken)
    }

    fn connect_to(network: &Network, address: IpSocketAddress) -> Result<Self, Broken> {
        let family = match address {
            IpSocketAddress::Ipv4(_) => IpAddressFamily::Ipv4,
            IpSocketAddress::Ipv6(_) => IpAddressFamily::Ipv6,
        };
        let socket = create_tcp_socket(family)?;
        socket.start_connect(network, address)?;
        let (input, output) = retried(|| socket.finish_connect(), || socket.subscribe())?;
        Ok(Self { input, output, _socket: socket })
    }

    /// Whether it is open and nothing has been received.
    pub fn is_silent(&self) -> bool {
        self.input.read(1).is_ok_and(|bytes| bytes.is_empty())
    }

    /// Sends all bytes.
    pub fn write_all(&self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let length = bytes.len().min(self.output.check_write()? as usize);
            if length == 0 {
                wait(&self.output.subscribe())?;
                continue;
            }
            let (now, later) = bytes.split_at(length);
            self.output.write(now)?;
            bytes = later;
        }
        Ok(())
    }

    /// Receives some bytes, at least one.
    pub fn read(&self, into: &mut Vec<u8>) -> Result<(), Broken> {
        loop {
            let bytes = self.input.read(CHUNK)?;
            if !bytes.is_empty() {
                into.extend_from_slice(&bytes);
                return Ok(());
            }
            wait(&self.input.subscribe())?;
        }
    }
}

/// Calls again what would block, when it would not.
fn retried<T>(call: impl Fn() -> Result<T, ErrorCode>, subscribe: impl Fn() -> Pollable) -> Result<T, Broken> {
    loop {
        match call() {
            Err(ErrorCode::WouldBlock) => wait(&subscribe())?,
            result => return Ok(result?),
        }
    }
}

fn wait(pollable: &Pollable) -> Result<(), Broken> {
    let ready = poll(&[pollable, &subscribe_duration(TIMEOUT)]);
    if ready.contains(&0) { Ok(()) } else { Err(Broken::TimedOut) }
}

fn socket_address(address: IpAddr, port: u16) -> IpSocketAddress {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (a, b, c, d) })
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.segments();
            let address = (a, b, c, d, e, f, g, h);
            IpSocketAddress::Ipv6(Ipv6SocketAddress { port, flow_info: 0, address, scope_id: 0 })
        }
    }
}

fn ip(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => [a, b, c, d, e, f, g, h].into(),
    }
}

impl From<ErrorCode> for Broken {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code)
    }
}

impl From<StreamError> for Broken {
    fn from(_: StreamError) -> Self {
        Self::Closed
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(ErrorCode::AccessDenied) => f.write_str("the host does not allow the connection"),
            Self::Refused(code) => f.write_str(code.name()),
            Self::NoAddress => f.write_str("its name has no address"),
            Self::Closed => f.write_str("it closed the connection"),
            Self::TimedOut => f.write_str("it does not answer in time"),
        }
    }
}
