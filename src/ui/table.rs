//! Tables for people: columns padded to their widest cell, separated by two spaces.

use console::measure_text_width;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Rows of cells under a heading. Cells may be styled; width is what is seen.
pub struct Table {
    heading: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(heading: &[(&str, Align)]) -> Self {
        Self {
            heading: heading.iter().map(|(text, align)| ((*text).to_owned(), *align)).collect(),
            rows: Vec::new(),
        }
    }

    pub fn row<I: IntoIterator<Item = S>, S: Into<String>>(&mut self, cells: I) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The table with a line end after each row.
    pub fn render(&self) -> String {
        let heading: Vec<String> = self.heading.iter().map(|(text, _)| text.to_uppercase()).collect();
        let widths: Vec<usize> = (0..self.heading.len())
            .map(|column| {
                let cells = self.rows.iter().chain([&heading]).filter_map(|row| row.get(column));
                cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        for row in [&heading].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths.get(column).copied().unwrap_or(0);
                let pad = " ".repeat(width.saturating_sub(measure_text_width(cell)));
                let right = self.heading.get(column).is_some_and(|(_, align)| *align == Align::Right);
                line.push_str(&if right { format!("{pad}{cell}") } else { format!("{cell}{pad}") });
                line.push_str("  ");
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[("name", Align::Left), ("ready", Align::Right)]);
        table.row(["a-long-name", "1/1"]);
        table.row(["b", "10/10"]);
        assert_eq!(table.render(), "NAME         READY\na-long-name    1/1\nb            10/10\n");
    }
}
