//! Programs that run beside a test: their output as lines to wait for, signals, and a certain end.

use std::{
    io::{BufRead, BufReader, PipeReader},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, killpg},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::Pid,
};

use crate::undo::Undo;

const LINES_SHOWN_ON_FAILURE: usize = 40;

/// A running program with its output. Dropping it kills it and what it started.
///
/// When a test panics, the drop also prints the last lines of the output.
#[derive(Debug)]
pub struct Process {
    shared: Arc<Shared>,
    _kill: Undo,
}

#[derive(Debug)]
struct Shared {
    label: String,
    pid: Pid,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    /// When each of them was read.
    times: Vec<Instant>,
    output_ended: bool,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` in a process group of its own, with stdout and stderr as one stream of lines
    /// and nothing on stdin. `label` names it in messages.
    ///
    /// The kernel kills the program when this process dies, even by SIGKILL.
    pub fn spawn(label: &str, command: Command) -> Result<Self> {
        let (output, writer) = std::io::pipe().context("make a pipe")?;
        let program = command.get_program().to_owned();
        let mut command = tied_to_us(command);
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone().context("duplicate a pipe")?)
            .stderr(writer)
            .process_group(0);
        let child = spawn_on_lasting_thread(command)
            .with_context(|| format!("start {label} ({})", program.display()))?;
        let pid = Pid::from_raw(i32::try_from(child.id()).context("a process id beyond i32")?);
        let shared = Arc::new(Shared {
            label: label.to_owned(),
            pid,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let reader = Arc::clone(&shared);
        thread::spawn(move || reader.read(output));
        let waiter = Arc::clone(&shared);
        thread::spawn(move || waiter.reap(child));
        let killer = Arc::clone(&shared);
        let kill = Undo::on_drop(move || killer.kill());
        Ok(Self {
            shared,
            _kill: kill,
        })
    }

    /// The process id.
    pub fn id(&self) -> i32 {
        self.shared.pid.as_raw()
    }

    /// Sends `signal` to the process and what it started; nothing if it has ended already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.shared.signal(signal)
    }

    /// Kills the process and returns once it is gone.
    pub fn kill(&self) {
        self.shared.kill();
    }

    /// Whether the process has not ended yet.
    pub fn is_running(&self) -> bool {
        self.shared.lock().status.is_none()
    }

    /// Waits until the process has ended and all that it printed is in [`Process::lines`].
    ///
    /// # Errors
    ///
    /// When it has not ended within `limit`.
    pub fn wait(&self, limit: Duration) -> Result<ExitStatus> {
        let state = self
            .shared
            .wait_until(limit, |state| state.status.is_some() && state.output_ended);
        // A program that it left behind may still hold the output open; the process has ended even so.
        state
            .status
            .ok_or_else(|| anyhow!("{} did not end within {limit:?}", self.shared.label))
    }

    /// The lines that the process has printed so far, stdout and stderr as they came.
    pub fn lines(&self) -> Vec<String> {
        self.shared.lock().lines.clone()
    }

    /// When the last line so far that contains `text` was read; none: there is none.
    pub fn time_of(&self, text: &str) -> Option<Instant> {
        let state = self.shared.lock();
        let at = state.lines.iter().rposition(|line| line.contains(text))?;
        state.times.get(at).copied()
    }

    /// Waits for a line that contains `text`, among those already printed as well, and returns it.
    ///
    /// # Errors
    ///
    /// When no such line comes within `limit`, or the process ends before; with the last lines.
    pub fn wait_for(&self, text: &str, limit: Duration) -> Result<String> {
        self.wait_for_after(0, text, limit)
    }

    /// As [`Process::wait_for`], but passes over the first `printed` lines (the length of an earlier
    /// [`Process::lines`]).
    ///
    /// # Errors
    ///
    /// As [`Process::wait_for`].
    pub fn wait_for_after(&self, printed: usize, text: &str, limit: Duration) -> Result<String> {
        let find = |state: &State| {
            let fresh = state.lines.iter().skip(printed);
            fresh.clone().find(|line| line.contains(text)).cloned()
        };
        let state = self.shared.wait_until(limit, |state| {
            find(state).is_some() || (state.output_ended && state.status.is_some())
        });
        if let Some(line) = find(&state) {
            return Ok(line);
        }
        let label = &self.shared.label;
        let tail = tail(&state.lines);
        match state.status {
            Some(status) => bail!("{label} ended ({status}) before it printed `{text}`:\n{tail}"),
            None => bail!("{label} did not print `{text}` within {limit:?}:\n{tail}"),
        }
    }

    /// Waits until `found` finds something in the lines printed so far, which it sees again with each
    /// new one; `None` when it does not within `limit`.
    pub fn wait_for_lines<T>(
        &self,
        limit: Duration,
        mut found: impl FnMut(&[String]) -> Option<T>,
    ) -> Option<T> {
        let mut result = None;
        drop(self.shared.wait_until(limit, |state| {
            result = found(&state.lines);
            result.is_some()
        }));
        result
    }

    /// The last lines of the output, indented, for an error message.
    pub fn last_lines(&self) -> String {
        tail(&self.shared.lock().lines)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{} printed last:\n{}", self.shared.label, self.last_lines());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until(
        &self,
        limit: Duration,
        mut reached: impl FnMut(&State) -> bool,
    ) -> MutexGuard<'_, State> {
        let start = Instant::now();
        let mut state = self.lock();
        while !reached(&state) {
            let Some(left) = limit.checked_sub(start.elapsed()) else {
                break;
            };
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state
    }

    fn read(&self, output: PipeReader) {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|octets| octets > 0)
        {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let mut state = self.lock();
            state.lines.push(text);
            state.times.push(Instant::now());
            drop(state);
            self.changed.notify_all();
            line.clear();
        }
        self.lock().output_ended = true;
        self.changed.notify_all();
    }

    /// Waits without reaping, then reaps under the lock: so `signal` never meets a process id that
    /// the kernel has already given to somebody else.
    fn reap(&self, mut child: Child) {
        loop {
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            match waitid(Id::Pid(self.pid), flags) {
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => break,
                // One of our threads holds it (see `HeldThread`), and has yet to hear that it stands still.
                Ok(_) => thread::yield_now(),
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        }
        let mut state = self.lock();
        state.status = child.wait().ok();
        drop(state);
        self.changed.notify_all();
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let state = self.lock();
        if state.status.is_some() {
            return Ok(());
        }
        killpg(self.pid, signal)
            .with_context(|| format!("send {signal} to {} ({})", self.label, self.pid))
    }

    fn kill(&self) {
        if let Err(error) = self.signal(Signal::SIGKILL) {
            eprintln!("{error:#}");
            return;
        }
        let state = self.wait_until(Duration::from_secs(10), |state| state.status.is_some());
        if state.status.is_none() {
            eprintln!("{} ({}) survives SIGKILL", self.label, self.pid);
        }
    }
}

fn tail(lines: &[String]) -> String {
    let first = lines.len().saturating_sub(LINES_SHOWN_ON_FAILURE);
    let shown = lines.iter().skip(first);
    shown.fold(String::new(), |text, line| text + "    " + line + "\n")
}

/// `setpriv` sets the parent-death signal and becomes the program, under the same process id.
fn tied_to_us(command: Command) -> Command {
    let mut tied = Command::new("setpriv");
    tied.args(["--pdeathsig", "KILL", "--"]);
    tied.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(name, value),
            None => tied.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        tied.current_dir(folder);
    }
    tied
}

type Order = (Command, mpsc::Sender<std::io::Result<Child>>);

/// The parent-death signal comes when the *thread* that started the child ends, and a test's thread
/// may end before its process does. So one thread that never ends starts them all.
fn spawn_on_lasting_thread(command: Command) -> Result<Child> {
    static ORDERS: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (orders, received) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in received {
                // The asker always waits, so that nobody misses this.
                let _ = reply.send(command.spawn());
            }
        });
        orders
    });
    let (reply, answer) = mpsc::channel();
    orders
        .send((command, reply))
        .map_err(|_| anyhow!("the thread that starts processes has ended"))?;
    let child = answer
        .recv()
        .context("the thread that starts processes has ended")?;
    Ok(child?)
}
