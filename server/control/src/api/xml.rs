//! XML as EC2, IAM and STS answer it.

use std::borrow::Cow;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// An element: text, or others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    name: Cow<'static, str>,
    attributes: Vec<(&'static str, String)>,
    text: Option<String>,
    children: Vec<Element>,
}

impl Element {
    /// An empty element.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            attributes: Vec::new(),
            text: None,
            children: Vec::new(),
        }
    }

    /// An element that holds text. What XML cannot say (control characters) is replaced.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers and references come alike"
    )]
    pub fn of(name: impl Into<Cow<'static, str>>, text: impl ToString) -> Self {
        let text = text.to_string();
        let allowed =
            |letter: char| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
        let text = if text.chars().all(allowed) {
            text
        } else {
            let replaced = text.chars().map(|letter| match letter {
                letter if allowed(letter) => letter,
                _ => '\u{fffd}',
            });
            replaced.collect()
        };
        Self {
            text: Some(text),
            ..Self::new(name)
        }
    }

    /// The same under another name.
    #[must_use]
    pub fn renamed(self, name: &'static str) -> Self {
        Self {
            name: name.into(),
            ..self
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: &'static str, value: &str) -> Self {
        self.attributes.push((name, value.to_owned()));
        self
    }

    /// Adds an element that holds text.
    #[must_use]
    pub fn text(self, name: &'static str, text: impl ToString) -> Self {
        self.child(Self::of(name, text))
    }

    /// Adds an element that holds text, if there is one.
    #[must_use]
    pub fn optional(self, name: &'static str, text: Option<impl ToString>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// Adds an element.
    #[must_use]
    pub fn child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// Adds elements.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// Adds a list: an element `name` that holds an element `member` for each.
    #[must_use]
    pub fn list(
        self,
        name: &'static str,
        member: &'static str,
        items: impl IntoIterator<Item = Self>,
    ) -> Self {
        let items = items.into_iter().map(|item| Self {
            name: member.into(),
            ..item
        });
        self.child(Self::new(name).children(items))
    }

    /// What it holds.
    #[must_use]
    pub fn into_children(self) -> Vec<Self> {
        self.children
    }

    /// The document that this is the root of.
    #[must_use]
    pub fn document(&self) -> String {
        let mut writer = Writer::new(Vec::new());
        // Writing to memory does not fail.
        let _ = writer
            .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
            .and_then(|()| self.write(&mut writer));
        String::from_utf8_lossy(&writer.into_inner()).into_owned()
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let mut start = BytesStart::new(self.name.as_ref());
        for (name, value) in &self.attributes {
            start.push_attribute((*name, value.as_str()));
        }
        if self.text.is_none() && self.children.is_empty() {
            return writer.write_event(Event::Empty(start));
        }
        writer.write_event(Event::Start(start))?;
        if let Some(text) = &self.text {
            writer.write_event(Event::Text(BytesText::new(text)))?;
        }
        for child in &self.children {
            child.write(writer)?;
        }
        writer.write_event(Event::End(BytesEnd::new(self.name.as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_lists_are_wrapped() {
        let items = ["<a>", "b\u{0}&"].map(|name| Element::new("x").text("name", name));
        let document = Element::new("R")
            .attribute("xmlns", "u:\"")
            .list("set", "item", items)
            .child(Element::new("none"))
            .document();
        assert_eq!(
            document,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><R xmlns=\"u:&quot;\"><set><item><name>\
             &lt;a&gt;</name></item><item><name>b\u{fffd}&amp;</name></item></set><none/></R>"
        );
    }
}
