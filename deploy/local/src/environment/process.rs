//! A child process: started, watched, stopped; never left behind.
//!
//! Two nets catch it. An orderly end (return, error, panic, Ctrl-C) drops the [`Process`], which asks
//! it to stop, waits, and kills. If this tool itself is killed outright, the kernel sends the child a
//! signal, arranged by `setpriv --pdeathsig` where the machine has it (Debian does).

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::system_user::SystemUser;

/// How long a child may take to end after it was asked to, before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// How often an ending child is looked at.
const POLL: Duration = Duration::from_millis(10);
/// How much of a log an error message shows.
const TAIL_LINES: usize = 15;

/// What to start, and how.
pub(crate) struct Launch {
    name: String,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(String, String)>,
    log: PathBuf,
    run_as: Option<SystemUser>,
    stop_signal: Signal,
}

/// A running child. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    stop_signal: Signal,
}

impl Launch {
    pub(crate) fn new(name: &str, program: &Path, log: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            log,
            run_as: None,
            stop_signal: Signal::TERM,
        }
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, env: impl IntoIterator<Item = (String, String)>) -> Self {
        self.env.extend(env);
        self
    }

    pub(crate) fn run_as(mut self, user: Option<SystemUser>) -> Self {
        self.run_as = user;
        self
    }

    pub(crate) fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// Starts it and returns at once.
    pub(crate) fn start(self) -> Result<Process> {
        let log = append_to(&self.log)?;
        let mut command = self.command();
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = spawn(command).with_context(|| format!("starting {}", self.name))?;
        Ok(Process {
            name: self.name,
            child,
            log: self.log,
            stop_signal: self.stop_signal,
        })
    }

    /// Runs it to its end, which must be a success. Given up, it is stopped.
    pub(crate) async fn run(self) -> Result<()> {
        let mut process = self.start()?;
        loop {
            match process.ended()? {
                Some(status) if status.success() => return Ok(()),
                Some(_) => return process.must_run(),
                None => tokio::time::sleep(POLL).await,
            }
        }
    }

    fn command(&self) -> Command {
        let mut command = if dies_with_parent() {
            let mut command = Command::new("setpriv");
            command
                .arg("--pdeathsig")
                .arg(signal_name(self.stop_signal))
                .arg("--");
            command.arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        // What the caller's shell sets must not reach into a private environment.
        command.env_clear().envs(inherited()).args(&self.args);
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        // Ctrl-C on the terminal goes to this tool alone, which then stops its children in order.
        command.process_group(0);
        if let Some(user) = &self.run_as {
            command.uid(user.uid).gid(user.gid).current_dir("/");
        }
        command
    }
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, once it has ended by itself.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("looking after {}", self.name))
    }

    /// An error that tells the exit and the last lines of the log, if the child has ended.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(anyhow!(
                "{} ended with {status}; its last words:\n{}",
                self.name,
                tail(&self.log)
            )),
        }
    }

    /// Sends a signal. A child that has already ended is no error.
    pub(crate) fn signal(&self, signal: Signal) {
        // An error means that the process is gone: what was wanted.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Asks it to end, waits, and kills it when it takes longer than [`GRACE`].
    pub(crate) fn stop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        self.signal(self.stop_signal);
        if self.wait_for_end(GRACE).is_none() {
            self.kill();
        }
    }

    /// Kills it outright, as a power cut would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it has ended by itself, at most `limit`.
    pub(crate) fn wait_for_end(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(None) if start.elapsed() < limit => thread::sleep(POLL),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }

    /// Waits until `address` takes connections, or says why it never will.
    pub(crate) async fn wait_for_port(
        &mut self,
        address: SocketAddr,
        limit: Duration,
    ) -> Result<()> {
        let start = Instant::now();
        while tokio::net::TcpStream::connect(address).await.is_err() {
            self.must_run()?;
            if start.elapsed() > limit {
                bail!("{} did not listen on {address} within {limit:?}", self.name);
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The last lines of a log file.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// The few variables that a child needs from the caller's shell.
fn inherited() -> impl Iterator<Item = (OsString, OsString)> {
    const NAMES: [&str; 6] = [
        "PATH",
        "HOME",
        "TMPDIR",
        "RUST_LOG",
        "RUST_BACKTRACE",
        "SSL_CERT_FILE",
    ];
    NAMES
        .iter()
        .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)))
}

fn append_to(log: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("opening the log {}", log.display()))
}

fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::INT => "INT",
        Signal::QUIT => "QUIT",
        Signal::KILL => "KILL",
        _ => "TERM",
    }
}

/// Whether this machine has a `setpriv` that can tie a child's life to its parent's.
fn dies_with_parent() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let probe = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "--", "true"])
            .output();
        probe.is_ok_and(|output| output.status.success())
    })
}

type Order = (Command, Sender<std::io::Result<Child>>);

/// Spawns from one thread that lives as long as this tool: the kernel's "parent death" is the death
/// of the *thread* that spawned, and a runtime's or a test's thread may end long before the tool.
fn spawn(command: Command) -> Result<Child> {
    static SPAWNER: LazyLock<Sender<Order>> = LazyLock::new(|| {
        let (orders, inbox) = channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in inbox {
                let _ = reply.send(command.spawn());
            }
        });
        orders
    });
    let (reply, answer) = channel();
    SPAWNER
        .send((command, reply))
        .map_err(|_| anyhow!("the spawning thread is gone"))?;
    Ok(answer.recv().context("the spawning thread is gone")??)
}
