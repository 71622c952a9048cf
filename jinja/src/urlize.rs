//! Finding what in a text is a link, as Jinja2's `urlize` does word by word.

use crate::text::Text;
use crate::text_methods::is_space;
use crate::value::Result;

pub struct Options<'a> {
    /// Attributes of each link, with a space in front.
    pub attributes: &'a str,
    /// Characters of an address to show.
    pub limit: Option<usize>,
}

/// Writes `text`, which is escaped already, with its addresses as links.
pub fn link(out: &mut Text, text: &str, options: &Options) -> Result<()> {
    let mut rest = text;
    while !rest.is_empty() {
        let gap = rest.find(|c| !is_space(c)).unwrap_or(rest.len());
        out.push(&rest[..gap])?;
        rest = &rest[gap..];
        let end = rest.find(is_space).unwrap_or(rest.len());
        word(out, &rest[..end], options)?;
        rest = &rest[end..];
    }
    Ok(())
}

const OPEN: [&str; 3] = ["(", "<", "&lt;"];
const CLOSE: [&str; 5] = [")", ">", ".", ",", "&gt;"];

fn word(out: &mut Text, word: &str, options: &Options) -> Result<()> {
    let mut middle = word;
    while let Some(rest) = OPEN.iter().find_map(|open| middle.strip_prefix(open)) {
        middle = rest;
    }
    let head = &word[..word.len() - middle.len()];
    let with_tail = middle;
    while let Some(rest) = CLOSE.iter().find_map(|close| middle.strip_suffix(close)) {
        middle = rest;
    }
    // A bracket that was opened inside of the address closes there, too.
    for (open, close) in [("(", ")"), ("<", ">"), ("&lt;", "&gt;")] {
        let missing = middle.matches(open).count().saturating_sub(middle.matches(close).count());
        for _ in 0..missing {
            let Some(at) = with_tail[middle.len()..].find(close) else { break };
            middle = &with_tail[..middle.len() + at + close.len()];
        }
    }
    out.push(head)?;
    anchor(out, middle, options)?;
    out.push(&with_tail[middle.len()..])
}

fn anchor(out: &mut Text, middle: &str, options: &Options) -> Result<()> {
    let (scheme, shown) = if is_web_address(middle) {
        let has_scheme = middle.starts_with("https://") || middle.starts_with("http://");
        (if has_scheme { "" } else { "https://" }, middle)
    } else if let Some(address) = middle.strip_prefix("mailto:").filter(|rest| is_mail_address(rest)) {
        ("", address)
    } else if middle.contains('@')
        && !middle.starts_with("www.")
        && !middle.starts_with('@')
        && !middle.contains(':')
        && is_mail_address(middle)
    {
        ("mailto:", middle)
    } else {
        return out.push(middle);
    };
    for piece in ["<a href=\"", scheme, middle, "\""] {
        out.push(piece)?;
    }
    let is_mail = scheme == "mailto:" || middle.starts_with("mailto:");
    out.push(if is_mail { "" } else { options.attributes })?;
    out.push(">")?;
    match options.limit.and_then(|limit| shown.char_indices().nth(limit)) {
        Some((cut, _)) if !is_mail => {
            out.push(&shown[..cut])?;
            out.push("...")?;
        }
        _ => out.push(shown)?,
    }
    out.push("</a>")
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Something, `@`, and a name with a dot.
fn is_mail_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let Some((name, last)) = domain.rsplit_once('.') else {
        return false;
    };
    let in_name = |c: char| is_word(c) || c == '.' || c == '-';
    !local.is_empty()
        && name.starts_with(is_word)
        && name.chars().all(in_name)
        && !last.is_empty()
        && last.chars().all(is_word)
}

/// `http://`, `https://` or `www.` and a host; or a host under one of the oldest domains.
fn is_web_address(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let scheme = ["https://", "http://"].iter().find_map(|scheme| lower.strip_prefix(scheme));
    let host_and_more = scheme.or_else(|| lower.strip_prefix("www.")).unwrap_or(&lower);
    let bare = scheme.is_none() && !lower.starts_with("www.");
    let end = if scheme.is_some() && host_and_more.starts_with('[') {
        host_and_more.find(']').map_or(0, |at| at + 1)
    } else {
        host_and_more.find([':', '/', '?', '#']).unwrap_or(host_and_more.len())
    };
    let (host, rest) = host_and_more.split_at(end);
    let rest = match rest.strip_prefix(':') {
        Some(port) => {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            if !(1..=5).contains(&digits) {
                return false;
            }
            &port[digits..]
        }
        None => rest,
    };
    if !rest.is_empty() && !rest.starts_with(['/', '?', '#']) {
        return false;
    }
    let labels: Vec<&str> = host.split('.').collect();
    let top = labels.last().copied().unwrap_or("");
    let label = |label: &&str| !label.is_empty() && label.chars().all(|c| is_word(c) || c == '-' || c == '%');
    if bare {
        let known = ["com", "net", "int", "edu", "gov", "org", "info", "mil"].contains(&top);
        return known && labels.len() > 1 && labels[..labels.len() - 1].iter().all(|l| label(l) && l.len() > 1);
    }
    let is_v4 =
        labels.len() == 4 && labels.iter().all(|l| (1..=3).contains(&l.len()) && l.bytes().all(|b| b.is_ascii_digit()));
    let is_v6 = host.starts_with('[')
        && host.len() > 4
        && host[1..host.len() - 1].chars().all(|c| c.is_ascii_hexdigit() || c == ':');
    let named = (2..=63).contains(&top.len()) && top.bytes().all(|b| b.is_ascii_lowercase())
        || top.starts_with("xn--") && top.len() > 5 && label(&top);
    scheme.is_some() && (is_v4 || is_v6) || named && labels[..labels.len() - 1].iter().all(label)
}
