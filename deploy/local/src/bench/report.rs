//! The table of figures.

use comfy_table::{CellAlignment, Table};

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// One measured number.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
    target: Option<Target>,
}

impl Figure {
    pub(super) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            value,
            unit,
            target: None,
        }
    }

    pub(super) fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// The target, and whether the figure keeps it.
    fn verdict(&self) -> (String, &'static str) {
        let unit = self.unit;
        match self.target {
            None => (String::new(), ""),
            Some(Target::AtMost(most)) => (format!("≤ {most} {unit}"), mark(self.value <= most)),
            Some(Target::AtLeast(least)) => {
                (format!("≥ {least} {unit}"), mark(self.value >= least))
            }
        }
    }
}

const fn mark(kept: bool) -> &'static str {
    if kept { "kept" } else { "MISSED" }
}

/// The figures with their targets.
pub(super) fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header(["figure", "measured", "target", ""]);
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for figure in figures {
        let (target, kept) = figure.verdict();
        let digits = if figure.value.abs() < 100.0 { 2 } else { 0 };
        let measured = format!("{:.digits$} {}", figure.value, figure.unit);
        table.add_row([figure.what.as_str(), &measured, &target, kept]);
    }
    table
}

/// The middle of several rounds.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_keeps_or_misses_its_target() {
        let verdict = |value, target| Figure::new("f", value, "s").target(target).verdict().1;
        assert_eq!(verdict(1.0, Target::AtMost(1.0)), "kept");
        assert_eq!(verdict(1.1, Target::AtMost(1.0)), "MISSED");
        assert_eq!(verdict(0.9, Target::AtLeast(1.0)), "MISSED");
    }

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
