//! Results as a person reads them: tables and a picture in `docs/performance.md`.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// What a scenario found out.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Under which mark it stands in the file; also the picture's name.
    pub name: &'static str,
    /// What was measured and how, a paragraph.
    pub intro: String,
    /// Tables, each with its title.
    pub tables: Vec<Table>,
    /// A picture of the most telling figures.
    pub chart: Option<Chart>,
    /// What did not work, and anything else to be known.
    pub notes: Vec<String>,
}

/// Rows of text under a head.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Over it.
    pub title: String,
    /// The first row.
    pub head: Vec<String>,
    /// The others.
    pub rows: Vec<Vec<String>>,
}

/// Bars in groups.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// Over it, with the unit.
    pub title: String,
    /// What the bars of a group are.
    pub series: Vec<String>,
    /// A group's name and its bars; `None` where there is nothing to show.
    pub groups: Vec<(String, Vec<Option<f64>>)>,
}

impl Table {
    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = format!("**{}**\n\n{}", self.title, line(&self.head));
        let rule: Vec<String> = (0..self.head.len())
            .map(|column| if column == 0 { "---" } else { "---:" }.to_owned())
            .collect();
        text += &line(&rule);
        for row in &self.rows {
            text += &line(row);
        }
        text
    }
}

impl Chart {
    /// Draws it as SVG.
    fn svg(&self) -> String {
        const COLORS: [&str; 6] = [
            "#d1495b", "#30638e", "#3b8ea5", "#7fb7be", "#8f8f8f", "#c7a76c",
        ];
        const BAR_PX: usize = 14;
        const LEFT_PX: usize = 190;
        const WIDTH_PX: f64 = 520.0;
        let top_px = 46 + 18 * self.series.len().div_ceil(3);
        let group_px = BAR_PX * self.series.len() + 12;
        let height_px = top_px + group_px * self.groups.len() + 10;
        let all = self.groups.iter().flat_map(|(_, bars)| bars).flatten();
        let most = all.copied().fold(f64::MIN_POSITIVE, f64::max);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"{height_px}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <text x=\"10\" y=\"22\" font-size=\"15\">{}</text>\n",
            escape(&self.title)
        );
        for (index, series) in self.series.iter().enumerate() {
            let (x, y) = (10 + index % 3 * 260, 34 + index / 3 * 18);
            let color = COLORS[index % COLORS.len()];
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{y}\" width=\"11\" height=\"11\" fill=\"{color}\"/>\
                 <text x=\"{}\" y=\"{}\">{}</text>",
                x + 16,
                y + 10,
                escape(series)
            );
        }
        for (row, (name, bars)) in self.groups.iter().enumerate() {
            let y = top_px + row * group_px;
            let middle = y + group_px / 2;
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>",
                LEFT_PX - 10,
                escape(name)
            );
            for (index, bar) in bars.iter().enumerate() {
                let y = y + index * BAR_PX;
                let (width, label) = match bar {
                    Some(value) => (value / most * WIDTH_PX, short(*value)),
                    None => (0.0, "–".to_owned()),
                };
                let _ = writeln!(
                    svg,
                    "<rect x=\"{LEFT_PX}\" y=\"{y}\" width=\"{width:.1}\" height=\"{}\" \
                     fill=\"{}\"/><text x=\"{:.1}\" y=\"{}\" font-size=\"10\">{label}</text>",
                    BAR_PX - 2,
                    COLORS[index % COLORS.len()],
                    LEFT_PX as f64 + width + 4.0,
                    y + BAR_PX - 4,
                );
            }
        }
        svg + "</svg>\n"
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A figure with three digits that matter.
pub fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.01 || v == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// A figure or a dash.
pub fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), short)
}

/// The value in the middle of several, or between the two there.
pub fn median(values: &[f64]) -> Option<f64> {
    percentile(values, 50.0)
}

/// The value that so many in a hundred lie below, by the line between its neighbours.
pub fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = percent / 100.0 * last as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * part)
}

/// Our figure over the best of the others; below one is better.
pub fn ratio(ours: Option<f64>, others: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let best = others.flatten().min_by(f64::total_cmp)?;
    (best > 0.0).then_some(ours? / best)
}

/// Where results are written.
pub struct Report {
    document: PathBuf,
    pictures: PathBuf,
}

impl Report {
    /// Into the documentation of the repository at `root`.
    pub fn new(root: &Path) -> Self {
        Self {
            document: root.join("docs/performance.md"),
            pictures: root.join("docs/pictures"),
        }
    }

    /// Prints a section. `conditions` tells of what, when and on what.
    pub fn print(&self, section: &Section, conditions: &str) {
        println!("\n{}", body(section, conditions));
    }

    /// Draws a section's picture, and puts the section where its mark stands in the document:
    /// `<!-- compare: NAME -->` to `<!-- end -->`.
    pub fn write(&self, section: &Section, conditions: &str) -> Result<()> {
        if let Some(chart) = &section.chart {
            fs::write(self.pictures.join(picture_name(section)), chart.svg())?;
        }
        let text = fs::read_to_string(&self.document)
            .with_context(|| self.document.display().to_string())?;
        let text = replace(&text, section.name, &body(section, conditions))
            .with_context(|| format!("no mark for {} in the document", section.name))?;
        fs::write(&self.document, text)?;
        Ok(())
    }
}

fn picture_name(section: &Section) -> String {
    format!("compare-{}.svg", section.name)
}

fn body(section: &Section, conditions: &str) -> String {
    let mut body = format!("{}\n\n{conditions}\n", section.intro);
    for table in &section.tables {
        let _ = write!(body, "\n{}", table.markdown());
    }
    if let Some(chart) = &section.chart {
        let _ = write!(
            body,
            "\n![{}](pictures/{})\n",
            chart.title,
            picture_name(section)
        );
    }
    if !section.notes.is_empty() {
        body += "\n";
    }
    for note in &section.notes {
        let _ = writeln!(body, "* {note}");
    }
    body
}

/// The text with another body between a section's marks.
fn replace(text: &str, name: &str, body: &str) -> Option<String> {
    let mark = format!("<!-- compare: {name} -->\n");
    let start = text.find(&mark)? + mark.len();
    let end = start + text[start..].find("<!-- end -->")?;
    Some(format!(
        "{}\n{}\n{}",
        &text[..start],
        body.trim_end(),
        &text[end..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_between_its_own_marks_alone() {
        let text = "a\n<!-- compare: x -->\nold\n<!-- end -->\nb\n<!-- compare: y -->\nkept\n<!-- end -->\n";
        let new = replace(text, "x", "new").unwrap();
        assert_eq!(
            new,
            "a\n<!-- compare: x -->\n\nnew\n<!-- end -->\nb\n<!-- compare: y -->\nkept\n<!-- end -->\n"
        );
        assert_eq!(replace(text, "z", "new"), None);
    }

    #[test]
    fn percentiles_lie_between_neighbours() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
        assert_eq!(percentile(&[0.0, 10.0], 95.0), Some(9.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_ratio_is_to_the_best_of_those_that_did_it() {
        let others = [Some(4.0), None, Some(2.0)];
        assert_eq!(ratio(Some(1.0), others.into_iter()), Some(0.5));
        assert_eq!(ratio(None, others.into_iter()), None);
        assert_eq!(ratio(Some(1.0), [None].into_iter()), None);
    }

    #[test]
    fn a_chart_has_a_bar_for_each_figure_and_none_for_what_is_missing() {
        let chart = Chart {
            title: "a < b".to_owned(),
            series: vec!["x".to_owned(), "y".to_owned()],
            groups: vec![("g".to_owned(), vec![Some(2.0), None])],
        };
        let svg = chart.svg();
        assert!(svg.contains("a &lt; b") && svg.contains("width=\"520.0\""));
        assert!(svg.contains("width=\"0.0\"") && svg.contains(">–<"));
    }
}
