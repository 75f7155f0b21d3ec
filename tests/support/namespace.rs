//! An isolated machine for a test: namespaces for the network, for mounts and for the host name, in which the test runs again.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a test says what it leaves out, and that it ran")]

use std::env;
use std::future::Future;
use std::io::{self, Write};
use std::process::{Command, Output};

const INSIDE: &str = "TEST_RUNS_INSIDE";
const DONE: &str = "the test inside is over";

/// Runs `body` as root of a machine that a shell script has set up. `test` is the name of the calling test, which runs again there. If the system
/// allows no namespaces, prints that, and tests nothing.
pub(crate) fn inside<F: Future<Output = ()>>(test: &str, script: &str, body: impl FnOnce() -> F) {
    if env::var_os(INSIDE).is_some_and(|inside| inside == *test) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(body());
        println!("{DONE}");
        return;
    }
    if !is_possible() {
        return;
    }
    let output = run_inside(test, script, &[]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(DONE), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Whether this system allows namespaces. Prints a message if not.
pub(crate) fn is_possible() -> bool {
    let tried = Command::new("unshare")
        .args([
            "-rmnu",
            "sh",
            "-ec",
            "ip link set lo up; ip -6 addr add fe80::1/64 dev lo nodad; mount -t tmpfs none /etc",
        ])
        .output();
    let why = match tried {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    // Not by a macro, so that it is shown even if the test passes.
    let _seen = writeln!(io::stderr(), "SKIPPED: there are no namespaces to test in ({why})");
    false
}

/// Runs this test again on a machine that the script has set up, with these variables.
pub(crate) fn run_inside(test: &str, script: &str, variables: &[(&str, &str)]) -> Output {
    let script = format!("ip link set lo up\n{script}\nexec \"$0\" --exact \"$1\" --nocapture --include-ignored");
    let program = env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    command.args(["-rmnu", "sh", "-ec", &script]).arg(program).arg(test).env(INSIDE, test);
    command.envs(variables.iter().copied()).output().unwrap()
}
