//! The source as the parser gets it: what Jinja2 writes otherwise is rewritten, what it refuses is refused, and
//! expressions long enough to overflow the compiler's stack are refused too.

use crate::failure::{Code, Failure};
use minijinja::machinery::{tokenize, Span, Token};

/// Operators that may hang together in one expression. Parsed expressions nest as deep as that, and are
/// compiled and freed by recursion. CPython ends at 200 nested operators.
const MAX_CHAIN: usize = 300;

/// Brackets that may be open at once. The parser allows 150 levels, but those of calls take most of the
/// stack that a small thread has.
const MAX_BRACKETS: usize = 60;

/// `elif` branches of one `if`, which nest in the same way.
const MAX_ELIF: usize = 200;

/// A filter that returns its input. The name is one that the lexer takes and nobody types.
pub const CONSTANT_FILTER: &str = "ᐸconstantᐳ";
const CONSTANT_MARK: &str = "|ᐸconstantᐳ";

/// Replaces all ends of line by `\n`, as Jinja2 does before it looks at anything.
pub fn normalize_newlines(source: &str) -> String {
    source.replace("\r\n", "\n").replace('\r', "\n")
}

/// Returns the source to parse.
pub fn prepare(source: &str) -> Result<String, Failure> {
    let mut scan = Scan { source, ..Scan::default() };
    for token in tokenize(source, false, Default::default()) {
        // A token that cannot be read is the parser's to report.
        let Ok((token, span)) = token else { break };
        scan.token(&token, span).map_err(|(code, text)| Failure { code, line: span.start_line.into(), text })?;
        scan.previous_was_dot = matches!(token, Token::Dot);
    }
    Ok(scan.edited())
}

type Refusal = (Code, String);

#[derive(Default)]
struct Scan<'a> {
    source: &'a str,
    /// Pieces to put in: position, bytes to leave out there, replacement.
    edits: Vec<(usize, usize, &'static str)>,
    /// Operators so far in each open bracket, the outermost first.
    chains: Vec<usize>,
    /// `elif` branches so far in each open `if`.
    elifs: Vec<usize>,
    /// Tokens since the block began, and the first word among them.
    position: usize,
    tag: &'a str,
    in_variable: bool,
    /// Where an unparenthesised tuple would begin, and whether a comma made it one.
    tuple_start: Option<usize>,
    has_comma: bool,
    /// After a token that a value must follow, so that `+` is a sign.
    expects_value: bool,
    previous_was_dot: bool,
    /// For each open bracket, whether it began a value rather than a call or subscript.
    groups: Vec<bool>,
    /// Where a constant ended, if that was the last token, and if a binary operator followed.
    constant_end: Option<usize>,
    left_operand: Option<usize>,
}

impl<'a> Scan<'a> {
    fn edited(mut self) -> String {
        self.edits.sort_by_key(|edit| edit.0);
        let mut out = String::with_capacity(self.source.len() + self.edits.len());
        let mut done = 0;
        for (at, width, replacement) in self.edits {
            out.push_str(&self.source[done..at]);
            out.push_str(replacement);
            done = at + width;
        }
        out + &self.source[done..]
    }

    fn text(&self, span: Span) -> &'a str {
        self.source.get(span.start_offset as usize..span.end_offset as usize).unwrap_or("")
    }

    fn token(&mut self, token: &Token<'a>, span: Span) -> Result<(), Refusal> {
        let was_expecting = std::mem::replace(&mut self.expects_value, true);
        self.position += 1;
        self.unfold(token, span, was_expecting);
        match token {
            Token::TemplateData(_) => return Ok(()),
            Token::VariableStart | Token::BlockStart => return self.block_starts(token, span),
            Token::VariableEnd | Token::BlockEnd => return self.block_ends(span),
            Token::Ident(name) => return self.word(name, span),
            Token::Plus if was_expecting => self.edits.push((span.start_offset as usize, 1, "--")),
            Token::Int(_) | Token::Int128(_) | Token::Float(_) => check_number(self.text(span))?,
            _ => {}
        }
        match token {
            Token::Int(_) | Token::Int128(_) | Token::Float(_) | Token::Str(_) | Token::String(_) => {
                self.expects_value = false;
                return Ok(());
            }
            Token::Comma => {
                self.has_comma |= self.chains.len() == 1;
                if let Some(chain) = self.chains.last_mut() {
                    *chain = 0;
                }
                return Ok(());
            }
            Token::Colon | Token::Assign => return Ok(()),
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                self.expects_value = false;
                if self.chains.len() > 1 {
                    self.chains.pop();
                }
                return Ok(());
            }
            _ => {}
        }
        self.link()?;
        if matches!(token, Token::ParenOpen | Token::BracketOpen | Token::BraceOpen) {
            self.chains.push(0);
            if self.chains.len() > MAX_BRACKETS + 1 {
                return Err((Code::Limit, format!("an expression has more than {MAX_BRACKETS} open brackets")));
            }
        }
        Ok(())
    }

    /// Marks constants in front of an operator with another constant behind it. MiniJinja would compute
    /// such an expression when it compiles, by its own rules instead of Python's.
    fn unfold(&mut self, token: &Token<'a>, span: Span, was_expecting: bool) {
        let operand = self.left_operand.take();
        let end = self.constant_end.take();
        let mut is_constant = false;
        let mut is_group = false;
        match token {
            Token::Int(_) | Token::Int128(_) | Token::Float(_) | Token::Str(_) | Token::String(_) => is_constant = true,
            Token::Ident("true" | "True" | "false" | "False" | "none" | "None") => is_constant = was_expecting,
            Token::Ident("in") => self.left_operand = end.or(operand),
            Token::Ident("not") if !was_expecting => self.left_operand = end,
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                is_group = was_expecting;
                self.groups.push(is_group);
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                is_constant = self.groups.pop().unwrap_or(false);
                if is_constant {
                    self.constant_end = Some(span.end_offset as usize);
                }
                return;
            }
            Token::Minus | Token::Plus if was_expecting => self.left_operand = operand,
            // Not `-`, `/` and `//`, whose rules are Python's.
            Token::Plus | Token::Mul | Token::Mod | Token::Pow => self.left_operand = end,
            Token::Tilde | Token::Gt | Token::Gte | Token::Lt | Token::Lte => self.left_operand = end,
            _ => {}
        }
        if let Some(at) = operand.filter(|_| is_constant || is_group) {
            self.edits.push((at, 0, CONSTANT_MARK));
        }
        if is_constant {
            self.constant_end = Some(span.end_offset as usize);
        }
    }

    /// Counts one more operator of the expression around.
    fn link(&mut self) -> Result<(), Refusal> {
        if let Some(chain) = self.chains.last_mut() {
            *chain += 1;
        }
        if self.chains.iter().sum::<usize>() > MAX_CHAIN {
            return Err((Code::Limit, format!("an expression has more than {MAX_CHAIN} operators in a row")));
        }
        Ok(())
    }

    fn block_starts(&mut self, token: &Token<'a>, span: Span) -> Result<(), Refusal> {
        self.chains = vec![0];
        self.groups.clear();
        (self.constant_end, self.left_operand) = (None, None);
        self.position = 0;
        self.tag = "";
        self.in_variable = matches!(token, Token::VariableStart);
        self.has_comma = false;
        self.tuple_start = self.in_variable.then_some(span.end_offset as usize);
        Ok(())
    }

    fn block_ends(&mut self, span: Span) -> Result<(), Refusal> {
        self.close_tuple(span.start_offset as usize);
        self.chains.clear();
        Ok(())
    }

    fn close_tuple(&mut self, end: usize) {
        if let (Some(start), true) = (self.tuple_start.take(), self.has_comma) {
            self.edits.push((start, 0, "("));
            self.edits.push((end, 0, ")"));
        }
    }

    fn word(&mut self, name: &'a str, span: Span) -> Result<(), Refusal> {
        if self.chains.is_empty() {
            return Ok(());
        }
        if self.position == 1 && !self.in_variable {
            self.tag = name;
            return self.tag(name);
        }
        if self.tag == "block" && name == "required" && self.position == 3 {
            return Err((Code::Syntax, "a required block needs a template that extends this one".to_owned()));
        }
        let is_attribute = self.previous_was_dot;
        let is_top = self.chains.len() == 1;
        if self.tag == "for" && is_top && !is_attribute {
            match name {
                "in" if self.tuple_start.is_none() => {
                    self.tuple_start = Some(span.end_offset as usize);
                    self.has_comma = false;
                    return Ok(());
                }
                "if" | "recursive" => self.close_tuple(span.start_offset as usize),
                _ => {}
            }
        }
        self.expects_value = matches!(name, "and" | "or" | "not" | "in" | "is" | "if" | "else") && !is_attribute;
        if self.expects_value {
            return self.link();
        }
        Ok(())
    }

    fn tag(&mut self, name: &str) -> Result<(), Refusal> {
        match name {
            "if" => self.elifs.push(0),
            "endif" => drop(self.elifs.pop()),
            "elif" => {
                if let Some(count) = self.elifs.last_mut() {
                    *count += 1;
                    if *count > MAX_ELIF {
                        return Err((Code::Limit, format!("an if has more than {MAX_ELIF} elif branches")));
                    }
                }
            }
            // MiniJinja has it built in, Jinja2 only as an extension that tenants' templates don't get.
            "do" => return Err((Code::Syntax, "Encountered unknown tag 'do'.".to_owned())),
            _ => {}
        }
        Ok(())
    }
}

/// Refuses numbers that only MiniJinja reads: `007` and `1.`
fn check_number(text: &str) -> Result<(), Refusal> {
    let digits = |c: char| c.is_ascii_digit() || c == '_';
    let leading_zero = text.len() > 1 && text.starts_with('0') && text.chars().all(digits);
    if leading_zero && text.contains(|c: char| ('1'..='9').contains(&c)) {
        return Err((Code::Syntax, format!("'{text}' is not a number")));
    }
    if let Some((_, fraction)) = text.split_once('.') {
        if !fraction.starts_with(|c: char| c.is_ascii_digit()) {
            return Err((Code::Syntax, "expected name or number".to_owned()));
        }
    }
    Ok(())
}
