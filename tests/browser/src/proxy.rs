//! A proxy that leads to the test's hosts and nowhere else, for browsers that can't be told the addresses of names.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Starts it on a free port. It ends with the process of the test.
pub(crate) fn start(hosts: &[(String, SocketAddr)]) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let addr = listener.local_addr().expect("an address");
    let hosts: Arc<HashMap<String, SocketAddr>> = Arc::new(hosts.iter().cloned().collect());
    thread::spawn(move || {
        for browser in listener.incoming().flatten() {
            let hosts = Arc::clone(&hosts);
            thread::spawn(move || serve(browser, &hosts));
        }
    });
    addr
}

/// One connection. Whatever goes wrong ends it, which the browser notices.
fn serve(mut browser: TcpStream, hosts: &HashMap<String, SocketAddr>) -> io::Result<()> {
    // The browser sends nothing more before the answer, so nothing is left in the buffer.
    let mut reader = BufReader::new(browser.try_clone()?);
    let (mut request, mut line) = (String::new(), String::new());
    reader.read_line(&mut request)?;
    while reader.read_line(&mut line)? > "\r\n".len() {
        line.clear();
    }
    let host = request.strip_prefix("CONNECT ").and_then(|rest| rest.split(':').next());
    let Some(addr) = host.and_then(|host| hosts.get(host)) else {
        return browser.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
    };
    let server = TcpStream::connect(addr)?;
    browser.set_nodelay(true)?;
    server.set_nodelay(true)?;
    browser.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (to_server, to_browser) = (server.try_clone()?, browser.try_clone()?);
    thread::spawn(move || pass(server, to_browser));
    pass(browser, to_server)
}

fn pass(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let passed = io::copy(&mut from, &mut to);
    to.shutdown(Shutdown::Write)?;
    passed.map(drop)
}
