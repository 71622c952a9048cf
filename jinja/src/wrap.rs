//! Wrapping a line of text as Python's `textwrap.wrap` does with its white space left alone.

use crate::value::Result;
use std::collections::VecDeque;
use std::ops::Range;

/// `textwrap`'s idea of white space.
fn is_gap(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn is_letter(c: char) -> bool {
    is_word(c) && !c.is_numeric()
}

/// Characters that may stand in front of a dash: word characters and some punctuation.
fn is_word_punctuation(c: char) -> bool {
    is_word(c) || "!\"'&.,?".contains(c)
}

pub struct Wrapper {
    pub width: usize,
    pub break_long: bool,
    pub on_hyphens: bool,
}

impl Wrapper {
    /// Calls `emit` with each line of the wrapped text.
    pub fn wrap(&self, text: &str, mut emit: impl FnMut(&str) -> Result<()>) -> Result<()> {
        let chars: Vec<char> = text.chars().collect();
        let is_blank = |chunk: &Range<usize>| chars[chunk.clone()].iter().all(|c| is_gap(*c));
        let mut chunks = self.chunks(&chars);
        let mut is_first = true;
        let mut line: Vec<Range<usize>> = Vec::new();
        while !chunks.is_empty() {
            if !is_first && chunks.front().is_some_and(is_blank) {
                chunks.pop_front();
            }
            line.clear();
            let mut used = 0;
            while let Some(chunk) = chunks.front().filter(|chunk| used + chunk.len() <= self.width) {
                used += chunk.len();
                line.extend(chunks.pop_front());
            }
            if let Some(long) = chunks.front_mut().filter(|chunk| chunk.len() > self.width) {
                if self.break_long {
                    let room = self.width.saturating_sub(used).max(usize::from(used == 0));
                    let cut = long.start + self.break_point(&chars[long.clone()], room);
                    line.push(long.start..cut);
                    long.start = cut;
                } else if line.is_empty() {
                    line.extend(chunks.pop_front());
                }
            }
            if line.last().is_some_and(is_blank) {
                line.pop();
            }
            if let (Some(first), Some(last)) = (line.first(), line.last()) {
                emit(&chars[first.start..last.end].iter().collect::<String>())?;
                is_first = false;
            }
        }
        Ok(())
    }

    /// Splits where a line may break: around white space and dashes, and behind hyphens inside of words.
    fn chunks(&self, chars: &[char]) -> VecDeque<Range<usize>> {
        let mut found = VecDeque::new();
        let mut start = 0;
        while let Some(first) = chars.get(start) {
            let gap = is_gap(*first);
            let end = chars[start..].iter().position(|c| is_gap(*c) != gap).map_or(chars.len(), |run| start + run);
            if gap || !self.on_hyphens {
                found.push_back(start..end);
            } else {
                split_word(&chars[..end], start, &mut found);
            }
            start = end;
        }
        found
    }

    /// Where to cut a word that fits no line: at `room`, or behind the last hyphen before.
    fn break_point(&self, word: &[char], room: usize) -> usize {
        if self.on_hyphens && word.len() > room {
            let hyphen = word[..room].iter().rposition(|c| *c == '-');
            if let Some(at) = hyphen.filter(|at| *at > 0 && word[..*at].iter().any(|c| *c != '-')) {
                return at + 1;
            }
        }
        room
    }
}

/// Splits the word from `start` to the end behind its hyphens and around its dashes.
fn split_word(chars: &[char], mut start: usize, found: &mut VecDeque<Range<usize>>) {
    let letter = |at: usize| chars.get(at).is_some_and(|c| is_letter(*c));
    let mut at = start;
    while at < chars.len() {
        let dashes = chars[at..].iter().take_while(|c| **c == '-').count();
        let end = at + dashes;
        let word_follows = chars.get(end).is_some_and(|c| is_word(*c));
        if dashes >= 2 && word_follows && at > start && is_word_punctuation(chars[at - 1]) {
            found.push_back(start..at);
            found.push_back(at..end);
            start = end;
        } else if dashes == 1
            && at >= start + 2
            && letter(at - 1)
            && letter(at - 2)
            && letter(end)
            && (letter(end + 1) || chars.get(end + 1) == Some(&'-'))
        {
            found.push_back(start..end);
            start = end;
        }
        at = end + usize::from(dashes == 0);
    }
    if start < chars.len() {
        found.push_back(start..chars.len());
    }
}
