//! Groups of bars: a group for each case, a bar for each of those compared.

use std::error::Error;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Area, draw_legend, style};

/// What is drawn. All names appear in each category, in the order in which they first came.
#[derive(Default)]
pub(crate) struct Bars {
    categories: Vec<(String, Vec<Bar>)>,
}

struct Bar {
    who: String,
    value: f64,
    /// Written above it.
    note: String,
}

impl Bars {
    /// Begins a group.
    pub(crate) fn category(&mut self, name: impl Into<String>) {
        self.categories.push((name.into(), Vec::new()));
    }

    /// Adds a bar to the group that was begun last.
    pub(crate) fn push(&mut self, who: &str, value: f64, note: &str) {
        if let Some((_, bars)) = self.categories.last_mut() {
            bars.push(Bar { who: who.to_owned(), value, note: note.to_owned() });
        }
    }

    /// Whether there is something in every group.
    pub(crate) fn is_complete(&self) -> bool {
        !self.categories.is_empty() && self.categories.iter().all(|(_, bars)| !bars.is_empty())
    }

    fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for bar in self.categories.iter().flat_map(|(_, bars)| bars) {
            if !names.contains(&bar.who.as_str()) {
                names.push(bar.who.as_str());
            }
        }
        names
    }
}

pub(super) fn draw(bars: &Bars, y: &str, plot: &Area<'_>, legend: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let names = bars.names();
    let values = bars.categories.iter().flat_map(|(_, bars)| bars).map(|bar| bar.value);
    let top = 1.12 * values.fold(f64::MIN_POSITIVE, f64::max);
    let mut chart = ChartBuilder::on(plot)
        .margin(10)
        .x_label_area_size(50)
        .y_label_area_size(80)
        .build_cartesian_2d(0.0..bars.categories.len() as f64, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .y_desc(y)
        .axis_desc_style(("sans-serif", 15))
        .label_style(("sans-serif", 13))
        .y_label_formatter(&|value| short(*value))
        .light_line_style(TRANSPARENT)
        .draw()?;
    // A fifth of each group is the gap to the next.
    let width = 0.8 / names.len() as f64;
    for (group, (name, bars)) in bars.categories.iter().enumerate() {
        for bar in bars {
            let index = names.iter().position(|name| *name == bar.who).unwrap_or(0);
            let left = group as f64 + 0.1 + width * index as f64;
            let corners = [(left + 0.05 * width, 0.0), (left + 0.95 * width, bar.value)];
            chart.draw_series([Rectangle::new(corners, style::color(&bar.who, index).filled())])?;
            if !bar.note.is_empty() {
                let (x, y) = chart.backend_coord(&(left + width / 2.0, bar.value));
                text(plot, &bar.note, (x, y - 4), VPos::Bottom, 11)?;
            }
        }
        let (x, y) = chart.backend_coord(&(group as f64 + 0.5, 0.0));
        for (line, words) in two_lines(name).iter().enumerate() {
            text(plot, words, (x, y + 8 + 17 * i32::try_from(line)?), VPos::Top, 14)?;
        }
    }
    draw_legend(legend, names.into_iter())
}

/// Text centred on a place of the whole picture.
fn text(area: &Area<'_>, words: &str, at: (i32, i32), vertical: VPos, size: u32) -> Result<(), Box<dyn Error>> {
    let style = TextStyle::from(("sans-serif", size).into_font()).pos(Pos::new(HPos::Center, vertical));
    let origin = area.get_base_pixel();
    area.draw_text(words, &style, (at.0 - origin.0, at.1 - origin.1))?;
    Ok(())
}

/// A long name in two lines of about the same length.
fn two_lines(name: &str) -> Vec<String> {
    let words: Vec<&str> = name.split(' ').collect();
    if name.len() <= 16 || words.len() < 2 {
        return vec![name.to_owned()];
    }
    let halves = |at: usize| (words[..at].join(" "), words[at..].join(" "));
    let best = (1..words.len()).map(halves).min_by_key(|(first, second)| first.len().max(second.len()));
    best.map(|(first, second)| vec![first, second]).unwrap_or_default()
}

/// A number on an axis.
pub(super) fn short(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{} M", trimmed(value / 1e6)),
        _ if value >= 1e4 => format!("{} k", trimmed(value / 1e3)),
        _ => trimmed(value),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
