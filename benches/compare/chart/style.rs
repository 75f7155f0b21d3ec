//! The colours of those compared: the same in every chart, and distinguishable for readers with red-green colour blindness.

use plotters::style::RGBColor;

const NAMED: [(&str, RGBColor); 12] = [
    ("this crate", RGBColor(0, 90, 181)),
    ("tokio", RGBColor(120, 120, 120)),
    ("bare", RGBColor(120, 120, 120)),
    ("hyper-util", RGBColor(220, 50, 32)),
    ("reqwest", RGBColor(240, 150, 60)),
    ("Go", RGBColor(0, 160, 170)),
    ("curl", RGBColor(120, 80, 160)),
    ("TwoFamilies", RGBColor(220, 50, 32)),
    ("250 ms, no memory", RGBColor(0, 160, 170)),
    ("Firefox", RGBColor(240, 150, 60)),
    ("linear", RGBColor(180, 180, 180)),
    ("proportional", RGBColor(180, 180, 180)),
];
const OTHERS: [RGBColor; 6] = [
    RGBColor(0, 90, 181),
    RGBColor(220, 50, 32),
    RGBColor(0, 160, 170),
    RGBColor(240, 150, 60),
    RGBColor(120, 80, 160),
    RGBColor(90, 90, 90),
];

pub(super) fn color(name: &str, index: usize) -> RGBColor {
    if name.starts_with("this crate, ") || name.starts_with("this crate's ") {
        // A part of ours is a shade of our colour.
        return RGBColor(110, 170, 230);
    }
    let named = NAMED.iter().find(|(start, _)| name.starts_with(start));
    named.map_or(OTHERS[index % OTHERS.len()], |(_, color)| *color)
}
