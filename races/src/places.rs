//! The addresses of races (refusing, silent, slow to accept, working), and their name server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::cases::{pass, some_time};
use crate::loopback::{BlackHole, ClosedPort, has_ipv6};
use crate::origin::Origin;
use crate::runs::Random;
use crate::server::Server;

/// All addresses, each with a port of its own.
#[derive(Debug)]
pub(crate) struct Places {
    holes: Vec<BlackHole>,
    closed: Vec<ClosedPort>,
    slow: SocketAddr,
    origin: Origin,
    names: NameServer,
    _slow: Slow,
}

/// A wrapper, since `Server` has no useful `Debug`.
struct Slow(#[expect(dead_code, reason = "it lives as long as the others")] Server);

impl std::fmt::Debug for Slow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slow")
    }
}

impl Places {
    /// Makes the addresses. The origin's tasks run in `runtime`.
    pub(crate) fn new(runtime: &Runtime, seed: u64) -> Self {
        let mut families: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into()];
        families.extend(has_ipv6().then_some(IpAddr::from(Ipv6Addr::LOCALHOST)));
        // Accepts one connection after the other, so that its queue is sometimes full and drops SYNs.
        let slow = Server::with_threads(1, |_| std::thread::sleep(Duration::from_millis(1)));
        Self {
            holes: families.iter().map(|&ip| BlackHole::new(ip)).collect(),
            closed: families.iter().map(|&ip| ClosedPort::new(ip)).collect(),
            slow: slow.address(),
            origin: runtime.block_on(Origin::listen(families[0])),
            names: NameServer::start(seed),
            _slow: Slow(slow),
        }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn names(&self) -> SocketAddr {
        self.names.address
    }

    /// Returns a random address.
    pub(crate) fn any(&self, random: &mut Random) -> SocketAddr {
        let mut one_of = |count: usize| usize::try_from(random.below(count as u64)).expect("it is below a usize");
        match one_of(8) {
            0..3 => self.holes[one_of(self.holes.len())].address(),
            3..5 => self.closed[one_of(self.closed.len())].address(),
            5 => self.slow,
            _ => self.origin.address(),
        }
    }
}

/// A server that echoes each query: at once, after a while, or never.
#[derive(Debug)]
struct NameServer {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl NameServer {
    fn start(seed: u64) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
        let (address, is_over) = (socket.local_addr().expect("it is bound"), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || serve_names(&socket, &is_over, Random(seed))
        });
        Self { address, is_over, thread: Some(thread) }
    }
}

fn serve_names(socket: &UdpSocket, is_over: &AtomicBool, mut random: Random) -> io::Result<()> {
    let mut question = [0; 16];
    loop {
        let (length, from) = socket.recv_from(&mut question)?;
        if is_over.load(SeqCst) {
            return Ok(());
        }
        match random.below(4) {
            0 => continue,
            1 => pass(some_time(&mut random, 9)),
            _ => {}
        }
        // The client may have gone.
        socket.send_to(&question[..length], from).ok();
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.is_over.store(true, SeqCst);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
        socket.send_to(b"over", self.address).expect("its socket is open");
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(Ok(())))), "the name server has failed: {ended:?}");
        }
    }
}
