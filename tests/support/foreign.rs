//! Programs of others, each in a process of its own.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

/// Longer than any program takes to start.
const LONG: Duration = Duration::from_secs(30);

/// A program that runs until it is dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts `command`, waits for a line that contains `says`, and returns the line.
    ///
    /// # Errors
    ///
    /// The output of the program before it ended.
    pub(crate) fn start(command: &mut Command, says: &str) -> Result<(Self, String), Vec<String>> {
        let (process, told) = Self::spawn(command);
        let mut said = Vec::new();
        while let Ok(line) = told.recv_timeout(LONG) {
            if line.contains(says) {
                return Ok((process, line));
            }
            said.push(line);
        }
        Err(said)
    }

    /// Starts `command`, and waits until it accepts connections at `address`.
    ///
    /// # Errors
    ///
    /// The output of the program before it ended.
    pub(crate) fn start_at(command: &mut Command, address: SocketAddr) -> Result<Self, Vec<String>> {
        let (mut process, told) = Self::spawn(command);
        while process.child.try_wait().unwrap().is_none() {
            if TcpStream::connect(address).is_ok() {
                return Ok(process);
            }
            thread::yield_now();
        }
        Err(told.iter().collect())
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Starts `command`, and returns its output.
    fn spawn(command: &mut Command) -> (Self, Receiver<String>) {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (tell, told) = mpsc::channel();
        read_lines(child.stdout.take().unwrap(), tell.clone());
        read_lines(child.stderr.take().unwrap(), tell);
        (Self { child }, told)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        self.child.wait().unwrap();
    }
}

/// Reads all output, so that the program never blocks on it.
fn read_lines(output: impl Read + Send + 'static, tell: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _unheard = tell.send(line);
        }
    });
}

/// Finds a program. Prints a message if it is not installed.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    let found = directories.map(|directory| directory.join(program)).find(|file| file.is_file());
    if found.is_none() {
        say(&format!("there is no {program} on this machine: its test is left out"));
    }
    found
}

/// Finds a program that must be installed where the gate runs.
pub(crate) fn find_for_gate(program: &str) -> Option<PathBuf> {
    let found = find(program);
    assert!(found.is_some() || env::var_os("CI").is_none(), "there is no {program}");
    found
}

#[expect(clippy::explicit_write, reason = "what the macros print is shown only if the test fails")]
pub(crate) fn say(line: &str) {
    writeln!(io::stderr(), "{line}").unwrap();
}
