//! What a person sees: a live line per step on a terminal, one plain line per step elsewhere.

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

const TICK: Duration = Duration::from_millis(80);
/// What takes less is not worth a number.
const WORTH_TELLING: Duration = Duration::from_millis(50);

/// Where progress is shown.
#[derive(Debug, Clone)]
pub struct Console {
    lines: MultiProgress,
    live: bool,
    colours: bool,
    quiet: bool,
}

/// How a word is set off on a terminal.
#[derive(Debug, Clone, Copy)]
enum Ink {
    Bold,
    Dim,
    Good,
    Bad,
}

/// One thing being done. If it is dropped without an outcome, it counts as broken off.
#[derive(Debug)]
pub struct Step {
    console: Console,
    bar: Option<ProgressBar>,
    label: String,
    start: Instant,
    over: bool,
}

impl Console {
    /// The terminal, or plain lines where the output is no terminal.
    #[must_use]
    pub fn new() -> Self {
        let live = std::io::stdout().is_terminal();
        Self {
            lines: MultiProgress::with_draw_target(ProgressDrawTarget::stdout()),
            live,
            // https://no-color.org
            colours: live && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            quiet: false,
        }
    }

    /// Says nothing at all: for tests.
    #[must_use]
    pub fn quiet() -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        Self {
            lines,
            live: false,
            colours: false,
            quiet: true,
        }
    }

    /// Prints above the live lines.
    pub fn say(&self, text: impl Display) {
        if !self.quiet {
            self.lines.suspend(|| println!("{text}"));
        }
    }

    /// Prints a heading.
    pub fn heading(&self, text: impl Display) {
        self.say(format_args!("\n{}", self.paint(Ink::Bold, text)));
    }

    fn paint(&self, ink: Ink, text: impl Display) -> String {
        let code = match ink {
            _ if !self.colours => return text.to_string(),
            Ink::Bold => 1,
            Ink::Dim => 2,
            Ink::Good => 32,
            Ink::Bad => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Begins a step.
    #[must_use]
    pub fn step(&self, label: impl Into<String>) -> Step {
        let label = label.into();
        let bar = self.live.then(|| {
            let style = ProgressStyle::with_template("  {spinner} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = self.lines.add(ProgressBar::new_spinner().with_style(style));
            bar.set_message(label.clone());
            bar.enable_steady_tick(TICK);
            bar
        });
        Step {
            console: self.clone(),
            bar,
            label,
            start: Instant::now(),
            over: false,
        }
    }

    /// A counter of `total` things, shown on a terminal only.
    #[must_use]
    pub fn counter(&self, total: usize, label: &str) -> ProgressBar {
        if !self.live {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("  {msg} [{bar:30}] {pos}/{len}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
        self.lines
            .add(bar.with_style(style).with_message(label.to_owned()))
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

impl Step {
    /// Tells what it is waiting for; shown on a terminal only.
    pub fn note(&self, note: impl Display) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}: {note}", self.label));
        }
    }

    /// It is done; `outcome` says what came of it: nothing, a few words beside it, or lines below.
    pub fn done(self, outcome: impl Display) {
        self.end(Ink::Good, "✓", &outcome.to_string());
    }

    /// It went wrong.
    pub fn failed(self, why: impl Display) {
        self.end(Ink::Bad, "✗", &why.to_string());
    }

    fn end(mut self, ink: Ink, mark: &str, outcome: &str) {
        self.over = true;
        self.clear();
        let console = &self.console;
        let mark = console.paint(ink, mark);
        let mut line = format!("  {mark} {}", self.label);
        let several = outcome.contains('\n');
        if !several && !outcome.is_empty() {
            line = format!("{line}  {}", console.paint(Ink::Dim, outcome));
        }
        let elapsed = self.start.elapsed();
        if elapsed >= WORTH_TELLING {
            let elapsed = format!("({:.1} s)", elapsed.as_secs_f32());
            line = format!("{line}  {}", console.paint(Ink::Dim, elapsed));
        }
        for detail in outcome.lines().filter(|_| several) {
            line = format!("{line}\n      {}", console.paint(Ink::Dim, detail));
        }
        console.say(line);
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            self.console.lines.remove(bar);
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.over {
            self.clear();
            let mark = self.console.paint(Ink::Bad, "✗");
            self.console
                .say(format_args!("  {mark} {}  (broken off)", self.label));
        }
    }
}
