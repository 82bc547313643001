//! What the offer service computes at its most, timed by its own program: nothing else runs. Pre-flight
//! of the largest offer (O4), and the merging of the five largest annexes (O6).

use anyhow::{Context, Result, ensure};

use super::report::{Figure, Target};
use crate::environment::{Environment, Service};

pub(super) async fn measure(environment: &Environment) -> Result<Vec<Figure>> {
    let [microseconds] = timed(environment, "time-preflight").await?;
    let [seconds, mebibytes] = timed(environment, "time-merge").await?;
    let preflight = "pre-flight, 60 installments, 24 accounts";
    let merging = "merging 5 × 10 MB of PDF";
    Ok(vec![
        Figure::new(preflight, microseconds, "µs").target(Target::AtMost(200.0)),
        Figure::new(merging, seconds, "s").target(Target::AtMost(2.0)),
        Figure::new(format!("{merging}, most memory"), mebibytes, "MiB")
            .target(Target::AtMost(200.0)),
    ])
}

/// The numbers that a page of the offer service's program prints.
async fn timed<const N: usize>(environment: &Environment, page: &str) -> Result<[f64; N]> {
    let program = environment.program_path(Service::Offer)?;
    let output = tokio::process::Command::new(&program).arg(page).output();
    let output = output
        .await
        .with_context(|| format!("running {}", program.display()))?;
    ensure!(output.status.success(), "{page} failed ({})", output.status);
    let text = String::from_utf8(output.stdout).context("reading figures")?;
    let numbers: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
    let numbers = numbers.ok().and_then(|numbers| numbers.try_into().ok());
    numbers.with_context(|| format!("{page} says {text:?}"))
}
