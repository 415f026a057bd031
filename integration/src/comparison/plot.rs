//! Bars, as SVG.

use std::fmt::Write;

/// A bar: its name and its length, where 1 is what it is compared with.
pub type Bar = (String, f64);

const ROW: usize = 22;
const LEFT: usize = 210;
const WIDTH: usize = 520;

/// The bars below one another on a logarithmic scale, with a line where the other one is.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a few hundred points")]
pub fn bars(title: &str, rows: &[Bar]) -> String {
    let longest = rows.iter().map(|row| row.1).fold(2.0, f64::max);
    let shortest = rows.iter().map(|row| row.1).fold(0.5, f64::min).max(0.01);
    let scale = |value: f64| {
        let part = (value.max(shortest) / shortest).ln() / (longest / shortest).ln();
        part * WIDTH as f64
    };
    let height = ROW * (rows.len() + 3);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"18\" font-weight=\"bold\">{title}</text>\n",
        LEFT + WIDTH + 70
    );
    for (number, (name, value)) in rows.iter().enumerate() {
        let top = ROW * (number + 2);
        let (one, here) = (scale(1.0), scale(*value));
        let (from, length) = (one.min(here), (here - one).abs());
        let colour = if *value >= 1.0 { "#2a7f62" } else { "#b5442d" };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{:.1}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{value:.2}</text>",
            LEFT - 8,
            top + 14,
            LEFT as f64 + from,
            top + 3,
            ROW - 6,
            LEFT as f64 + from + length + 5.0,
            top + 14,
        );
    }
    let one = LEFT as f64 + scale(1.0);
    let _ = writeln!(
        svg,
        "<line x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"{}\" y2=\"{}\" stroke=\"black\"/>\n</svg>",
        ROW + 10,
        height - ROW + 10
    );
    svg
}
