//! Tables for people: columns padded to their widest cell, separated by two spaces.

use console::measure_text_width;

/// Rows of cells under a heading. Cells may contain ANSI styles, which do not count for the width.
pub struct Table {
    heading: Vec<String>,
    /// Whether each column is aligned to the right.
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A column whose heading begins with `>` is aligned to the right.
    pub fn new(heading: &[&str]) -> Self {
        let right = heading.iter().map(|text| text.starts_with('>')).collect();
        let heading = heading.iter().map(|text| text.trim_start_matches('>').to_uppercase()).collect();
        Self { heading, right, rows: Vec::new() }
    }

    pub fn row<I: IntoIterator<Item = S>, S: Into<String>>(&mut self, cells: I) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The text of the table, with a newline after each row.
    pub fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.heading.len())
            .map(|column| {
                let cells = self.rows.iter().chain([&self.heading]).filter_map(|row| row.get(column));
                cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        for row in [&self.heading].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths.get(column).copied().unwrap_or(0);
                let pad = " ".repeat(width.saturating_sub(measure_text_width(cell)));
                let right = self.right.get(column) == Some(&true);
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
        let mut table = Table::new(&["name", ">ready"]);
        table.row(["a-long-name", "1/1"]);
        table.row(["b", "10/10"]);
        assert_eq!(table.render(), "NAME         READY\na-long-name    1/1\nb            10/10\n");
    }
}
