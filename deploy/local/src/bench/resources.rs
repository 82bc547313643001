//! What a service costs while it does nothing, and how long it takes to serve.

use std::time::Instant;

use anyhow::{Context, Result};

use super::report::{Figure, Target};
use crate::environment::{Environment, Service};

const KIB_PER_MIB: f64 = 1024.0;

pub(super) async fn measure(environment: &Environment) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for service in Service::ALL {
        environment.stop(service);
        let start = Instant::now();
        environment.start_service(service, &[]).await?;
        let seconds = start.elapsed().as_secs_f64();
        let figure = Figure::new(format!("{service}, start until serving"), seconds, "s");
        figures.push(figure.target(Target::AtMost(1.0)));
    }
    for service in Service::ALL {
        let process = environment
            .process_id(service)
            .context("the service is down")?;
        let mebibytes = resident_kib(process)? / KIB_PER_MIB;
        let figure = Figure::new(format!("{service}, resident memory idle"), mebibytes, "MiB");
        figures.push(figure.target(Target::AtMost(30.0)));
    }
    Ok(figures)
}

/// `VmRSS` of a process, in KiB.
fn resident_kib(process: u32) -> Result<f64> {
    let file = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .with_context(|| format!("{file} has no VmRSS"))?
        .parse()
        .context("reading VmRSS")
}
