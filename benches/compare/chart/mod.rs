//! Charts: one message each, as SVG whose text is text, so that no font is needed to make them.

mod bars;
mod lines;
mod style;

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

pub(crate) use self::bars::Bars;
pub(crate) use self::lines::{Axis, Lines};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const SIZE: (u32, u32) = (960, 480);
/// What the legend has on the right.
const LEGEND: u32 = 270;

/// A chart, and where it belongs.
pub(crate) struct Chart {
    pub(crate) file: &'static str,
    pub(crate) group: &'static str,
    /// The message.
    pub(crate) title: String,
    content: Content,
}

enum Content {
    Bars { y: &'static str, bars: Bars },
    Lines(Lines),
}

impl Chart {
    pub(crate) fn bars(file: &'static str, group: &'static str, title: &str, y: &'static str, bars: Bars) -> Self {
        Self { file, group, title: title.to_owned(), content: Content::Bars { y, bars } }
    }

    pub(crate) fn lines(file: &'static str, group: &'static str, title: &str, lines: Lines) -> Self {
        Self { file, group, title: title.to_owned(), content: Content::Lines(lines) }
    }

    /// Writes it into a directory.
    pub(crate) fn write(&self, directory: &Path) -> Result<(), Box<dyn Error>> {
        let path = directory.join(self.file);
        let root = SVGBackend::new(&path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let root = root.titled(&self.title, ("sans-serif", 20))?;
        let (plot, legend) = root.split_horizontally(SIZE.0 - LEGEND);
        match &self.content {
            Content::Bars { y, bars } => bars::draw(bars, y, &plot, &legend)?,
            Content::Lines(lines) => lines::draw(lines, &plot, &legend)?,
        }
        root.present()?;
        Ok(())
    }
}

/// A square of its colour, and a name, for each.
fn draw_legend<'a>(area: &Area<'_>, names: impl Iterator<Item = &'a str>) -> Result<(), Box<dyn Error>> {
    for (index, name) in names.enumerate() {
        let top = 30 + 24 * i32::try_from(index)?;
        area.draw(&Rectangle::new([(10, top), (24, top + 14)], style::color(name, index).filled()))?;
        area.draw(&Text::new(name.to_owned(), (32, top + 1), ("sans-serif", 14)))?;
    }
    Ok(())
}
