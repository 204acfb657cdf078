//! A text table whose rows have notes: beside the row if there is room, else below it.
//!
//! Pure: text in, lines out. The cells come escaped.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::cli::terminal::{Colours, Tone};

/// Lines that the note of one row may take.
const NOTE_HEIGHT: usize = 2;

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Grid<'a> {
    pub(crate) header: Vec<&'a str>,
    /// The name of the column whose words are painted.
    pub(crate) painted: &'a str,
    /// The names of the columns of numbers.
    pub(crate) right: &'a [&'a str],
    /// The name of the notes.
    pub(crate) notes: &'a str,
    pub(crate) rows: Vec<Row>,
}

/// A row of a table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) cells: Vec<String>,
    pub(crate) tone: Option<Tone>,
    pub(crate) note: String,
}

impl Grid<'_> {
    /// The lines in so many columns; without a width nothing is cut or wrapped.
    pub(crate) fn lines(&self, width: Option<u16>, colours: Colours) -> Vec<String> {
        let lines = self.bare();
        let beside = lines.iter().map(|line| line.width()).max().unwrap_or(0);
        let fits =
            |note: &str| width.is_none_or(|width| beside + note.width() <= usize::from(width));
        let has_beside = self.rows.iter().any(|row| !row.note.is_empty() && fits(&row.note));
        let start = lines[0].find(self.painted).unwrap_or(0);
        let mut out = Vec::with_capacity(lines.len() * 2);
        for (n, line) in lines.into_iter().enumerate() {
            let row = n.checked_sub(1).map(|n| &self.rows[n]);
            let line = fit(line.trim_end(), width);
            let (head, note) = match row {
                None => (colours.paint(Tone::Strong, &line).into_owned(), self.notes),
                Some(row) => (paint(&line, start, row.tone, colours), row.note.as_str()),
            };
            if has_beside && !note.is_empty() && fits(note) {
                let gap = " ".repeat(beside - line.width());
                let tone = if row.is_some() { Tone::Faint } else { Tone::Strong };
                out.push(format!("{head}{gap}{}", colours.paint(tone, note)));
                continue;
            }
            out.push(head);
            if row.is_some() {
                let room = width.map_or(usize::MAX, |width| usize::from(width) - 2);
                let below = wrap(note, room, NOTE_HEIGHT).into_iter();
                out.extend(below.map(|line| format!("  {}", colours.paint(Tone::Faint, &line))));
            }
        }
        out
    }

    /// The header and the rows without notes and colours, each padded on the right.
    fn bare(&self) -> Vec<String> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(&self.header);
        for row in &self.rows {
            table.add_row(&row.cells);
        }
        for (index, name) in self.header.iter().enumerate() {
            let alignment =
                if self.right.contains(name) { CellAlignment::Right } else { CellAlignment::Left };
            if let Some(column) = table.column_mut(index) {
                column.set_padding((0, 2));
                column.set_cell_alignment(alignment);
            }
        }
        table.lines().collect()
    }
}

/// The line with the word that begins at this column of the screen in its colour.
fn paint(line: &str, start: usize, tone: Option<Tone>, colours: Colours) -> String {
    let (Some(tone), Some(start)) = (tone, byte_at(line, start)) else {
        return line.to_owned();
    };
    let word = line[start..].split(' ').next().unwrap_or_default();
    format!("{}{}{}", &line[..start], colours.paint(tone, word), &line[start + word.len()..])
}

/// The byte at which this column of the screen begins.
fn byte_at(line: &str, column: usize) -> Option<usize> {
    let mut columns = 0;
    line.char_indices().find_map(|(at, c)| {
        let is_there = columns == column;
        columns += c.width().unwrap_or(0);
        is_there.then_some(at)
    })
}

/// The words in lines of at most so many columns; what is beyond the last line is cut.
pub(crate) fn wrap(text: &str, width: usize, height: usize) -> Vec<String> {
    let columns = u16::try_from(width).unwrap_or(u16::MAX);
    flow(text, width, height).iter().map(|line| fit(line, Some(columns))).collect()
}

/// The words in lines of at most so many columns, as far as the words allow: nothing is cut. The
/// last of so many lines holds all that is left.
pub(crate) fn flow(text: &str, width: usize, height: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let is_last = lines.len() == height;
        match lines.last_mut() {
            Some(line) if is_last || line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The text in at most so many columns, with a mark where it is cut.
pub(crate) fn fit(text: &str, width: Option<u16>) -> String {
    let Some(width) = width.map(usize::from).filter(|width| text.width() > *width) else {
        return text.to_owned();
    };
    let mut left = width.saturating_sub(1);
    let head = text.chars().take_while(|c| {
        let columns = c.width().unwrap_or(0);
        let has_room = columns <= left;
        left = left.saturating_sub(columns);
        has_room
    });
    head.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(note: &str) -> Grid<'static> {
        let row = |id: &str, state: &str, n: &str, tone, note: &str| Row {
            cells: vec![id.to_owned(), state.to_owned(), n.to_owned()],
            tone,
            note: note.to_owned(),
        };
        Grid {
            header: vec!["ID", "STATE", "N"],
            painted: "STATE",
            right: &["N"],
            notes: "NOTE",
            rows: vec![
                row("日本", "good", "1", Some(Tone::Good), note),
                row("b", "bad", "10", None, ""),
            ],
        }
    }

    #[test]
    fn notes_stand_beside_the_rows_where_there_is_room_and_else_below() {
        let grid = grid("some words of a note");
        assert_eq!(
            grid.lines(Some(40), Colours::Hidden),
            ["ID    STATE   N  NOTE", "日本  good    1  some words of a note", "b     bad    10"]
        );
        assert_eq!(
            grid.lines(Some(20), Colours::Hidden),
            [
                "ID    STATE   N",
                "日本  good    1",
                "  some words of a",
                "  note",
                "b     bad    10"
            ]
        );
        assert_eq!(grid.lines(None, Colours::Hidden)[0], "ID    STATE   N  NOTE");
    }

    #[test]
    fn a_long_note_of_one_row_moves_that_of_no_other() {
        let mut grid = grid("some words of a note");
        grid.rows[1].note = "short".to_owned();
        assert_eq!(
            grid.lines(Some(24), Colours::Hidden),
            [
                "ID    STATE   N  NOTE",
                "日本  good    1",
                "  some words of a note",
                "b     bad    10  short"
            ]
        );
    }

    #[test]
    fn only_the_words_of_the_painted_column_are_painted() {
        let lines = grid("").lines(Some(40), Colours::Shown);
        assert_eq!(lines[1], "日本  \u{1b}[32mgood\u{1b}[0m    1");
        assert_eq!(lines[2], "b     bad    10");
    }

    #[test]
    fn a_long_note_is_cut_after_two_lines() {
        assert_eq!(wrap("one two three four five six", 9, NOTE_HEIGHT), ["one two", "three fo…"]);
        assert_eq!(wrap("unbreakable", 5, NOTE_HEIGHT), ["unbr…"]);
        assert_eq!(wrap("", 5, NOTE_HEIGHT), [""; 0]);
    }

    #[test]
    fn what_is_too_wide_is_cut_with_a_mark() {
        for (text, width, cut) in
            [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("日本語", 4, "日…"), ("日本", 4, "日本")]
        {
            assert_eq!(fit(text, Some(width)), cut);
        }
    }
}
