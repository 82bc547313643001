//! Pre-flight of the largest offer (O4), timed by the offer service's own program: nothing but its
//! rules runs.

use anyhow::{Context, Result, ensure};

use super::report::{Figure, Target};
use crate::environment::{Environment, Service};

pub(super) async fn measure(environment: &Environment) -> Result<Figure> {
    let program = environment.program_path(Service::Offer)?;
    let output = tokio::process::Command::new(&program)
        .arg("time-preflight")
        .output();
    let output = output
        .await
        .with_context(|| format!("running {}", program.display()))?;
    ensure!(
        output.status.success(),
        "time-preflight failed ({})",
        output.status
    );
    let text = String::from_utf8(output.stdout).context("reading the figure")?;
    let microseconds = text.trim().parse().context("reading the figure")?;
    let what = "pre-flight, 60 installments, 24 accounts";
    Ok(Figure::new(what, microseconds, "µs").target(Target::AtMost(200.0)))
}
