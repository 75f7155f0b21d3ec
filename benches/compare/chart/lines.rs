//! Lines over a numeric axis, either of which may be logarithmic.

use std::error::Error;

use plotters::prelude::*;

use super::bars::short;
use super::{Area, draw_legend, style};

pub(crate) struct Lines {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

pub(crate) struct Series {
    name: String,
    points: Vec<(f64, f64)>,
    /// Whether the points are what was measured, and the lines between only guide the eye.
    dots: bool,
}

pub(crate) struct Axis {
    pub(crate) label: &'static str,
    pub(crate) logarithmic: bool,
}

impl Axis {
    pub(crate) fn linear(label: &'static str) -> Self {
        Self { label, logarithmic: false }
    }

    pub(crate) fn logarithmic(label: &'static str) -> Self {
        Self { label, logarithmic: true }
    }

    /// Where a value is on the axis.
    fn place(&self, value: f64) -> f64 {
        if self.logarithmic { value.log10() } else { value }
    }

    /// What is written at a place: on a logarithmic axis only powers of ten.
    fn tick(&self, place: f64) -> String {
        if !self.logarithmic {
            short(place)
        } else if (place - place.round()).abs() < 1e-6 {
            short(10f64.powf(place.round()))
        } else {
            String::new()
        }
    }

    fn range(&self, values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
        let (mut low, mut high) = (f64::MAX, f64::MIN);
        for place in values.map(|value| self.place(value)).filter(|place| place.is_finite()) {
            low = low.min(place);
            high = high.max(place);
        }
        if self.logarithmic {
            low.floor()..high.ceil().max(low.floor() + 1.0)
        } else {
            0f64.min(low)..high * 1.08 + f64::MIN_POSITIVE
        }
    }
}

impl Lines {
    pub(crate) fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, series: Vec::new() }
    }

    pub(crate) fn curve(&mut self, name: impl Into<String>, points: Vec<(f64, f64)>) {
        self.series.push(Series { name: name.into(), points, dots: false });
    }

    pub(crate) fn points(&mut self, name: impl Into<String>, points: Vec<(f64, f64)>) {
        self.series.push(Series { name: name.into(), points, dots: true });
    }
}

pub(super) fn draw(lines: &Lines, plot: &Area<'_>, legend: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let all = || lines.series.iter().flat_map(|series| &series.points);
    let (x, y) = (&lines.x, &lines.y);
    let mut chart = ChartBuilder::on(plot)
        .margin(10)
        .margin_right(30)
        .x_label_area_size(50)
        .y_label_area_size(80)
        .build_cartesian_2d(x.range(all().map(|point| point.0)), y.range(all().map(|point| point.1)))?;
    chart
        .configure_mesh()
        .x_desc(x.label)
        .y_desc(y.label)
        .axis_desc_style(("sans-serif", 15))
        .label_style(("sans-serif", 13))
        .x_label_formatter(&|place| x.tick(*place))
        .y_label_formatter(&|place| y.tick(*place))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (index, series) in lines.series.iter().enumerate() {
        let color = style::color(&series.name, index);
        let points: Vec<(f64, f64)> = series.points.iter().map(|point| (x.place(point.0), y.place(point.1))).collect();
        chart.draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?;
        if series.dots {
            chart.draw_series(points.iter().map(|point| Circle::new(*point, 4, color.filled())))?;
        }
    }
    draw_legend(legend, lines.series.iter().map(|series| series.name.as_str()))
}
