//! A picture of the ratios.

use std::fmt::Write;

use crate::contestant::Contestant;
use crate::race::Race;
use crate::scenario::Entrant;

const LEFT: f64 = 200.0;
const WIDTH: f64 = 560.0;
/// A bar, and what is between two groups of bars.
const BAR: f64 = 13.0;
const GAP: f64 = 16.0;
/// What of the picture is above the bars.
const TOP: f64 = 62.0;

/// The colour of each; they can be told apart without seeing red or green, too.
const COLOURS: [(Contestant, &str); 4] = [
    (Contestant::Module, "#0a7d4f"),
    (Contestant::AuthRequest, "#8fb8de"),
    (Contestant::Lua, "#e0a030"),
    (Contestant::Njs, "#a9a9a9"),
];

/// Draws the races with one worker.
pub(crate) fn draw(races: &[Race]) -> String {
    let groups: Vec<_> = races
        .iter()
        .filter(|race| race.workers == 1 && race.is_against_the_limit())
        .map(|race| (race, bars(race)))
        .collect();
    let group = BAR * COLOURS.len() as f64 + GAP;
    let bottom = TOP + group * groups.len() as f64;
    let (width, height) = (LEFT + WIDTH + 60.0, bottom + 34.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"12\" y=\"22\" font-size=\"15\" font-weight=\"bold\">Requests a second, as a part \
         of the same location without an exchange (one worker)</text>\n"
    );
    for (number, (contestant, colour)) in COLOURS.iter().enumerate() {
        let x = LEFT + 140.0 * number as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"36\" width=\"12\" height=\"12\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"46\">{}</text>",
            x + 18.0,
            contestant.name()
        );
    }
    for tenth in 0..=5 {
        let value = f64::from(tenth) / 5.0;
        let x = LEFT + WIDTH * value;
        let colour = if tenth == 5 { "#444444" } else { "#dddddd" };
        let _ = writeln!(
            svg,
            "<line x1=\"{x}\" x2=\"{x}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"{colour}\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{value:.1}</text>",
            bottom + 18.0
        );
    }
    for (number, (race, bars)) in groups.iter().enumerate() {
        let top = TOP + GAP / 2.0 + group * number as f64;
        let middle = top + BAR * 2.0 + 4.0;
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>",
            LEFT - 10.0,
            race.scenario.name
        );
        for (place, (ratio, colour)) in bars.iter().enumerate() {
            let y = top + BAR * place as f64;
            let length = WIDTH * ratio.min(1.05);
            let _ = writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{}\" font-size=\"10\">{ratio:.2}</text>",
                BAR - 2.0,
                LEFT + length + 4.0,
                y + 9.5
            );
        }
    }
    svg += "</svg>\n";
    svg
}

/// The ratios of a race with their colours.
fn bars(race: &Race) -> Vec<(f64, &'static str)> {
    let ratio = |contestant| {
        let row = race.rows.iter().find(|row| row.entrant == Entrant::Gateway(contestant));
        row.map(|row| row.ratio.median)
    };
    COLOURS.iter().filter_map(|(one, colour)| Some((ratio(*one)?, *colour))).collect()
}
