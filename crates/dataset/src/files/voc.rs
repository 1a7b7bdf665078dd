//! Pascal VOC annotations.

mod document;

use fsroot::Root;

use crate::digest::{self, Buffer, Next};
use crate::finding::{Findings, Place};
use crate::layout::{DataDirectory, DataFile, stem};
use crate::observe::Stopped;
use crate::rule::Rule;
use crate::size::Size;
use document::Element;

use super::stems::{StemLookup, Stems};
use super::{Reading, beyond_limit};

/// What is wrong with an annotation.
pub(crate) type Flaws = Vec<(Rule, String)>;

/// Checks all annotations. `images` are the stems of the images, whose sizes are compared with the declared ones.
pub(crate) fn check(
    root: &Root,
    annotations: &mut DataDirectory,
    images: &Stems,
    reading: Reading<'_>,
    findings: &mut Findings,
) -> Result<(), Stopped> {
    let Reading {
        hashing,
        limit_bytes,
        observer,
    } = reading;
    hashing.look_at(findings);
    let (folder, files) = annotations.apart(root);
    let tools = || (Buffer::default(), Vec::new(), images.lookup());
    let work = |(buffer, text, images): &mut (Buffer, Vec<u8>, _), file: &DataFile| {
        let real = StemLookup::size(images, stem(&file.name))?;
        let read = digest::open(folder, file).and_then(|mut open| {
            text.clear();
            digest::read(&mut open, hashing, buffer, |piece| {
                text.extend_from_slice(piece);
                match text.len() as u64 > limit_bytes {
                    true => Next::Stop,
                    false => Next::Read,
                }
            })
        });
        let is_judged = text.len() as u64 <= limit_bytes;
        let judged = read.map(|digest| (digest, is_judged.then(|| judge(text, real))));
        Ok::<_, spill::Error>(judged)
    };
    files.visit(observer, tools, work, |file, result| {
        let shown = folder.shown(file);
        match result? {
            Ok((digest, flaws)) => {
                file.digest = digest;
                match flaws {
                    None => beyond_limit(&shown, limit_bytes, findings),
                    Some(flaws) => tell(&shown, flaws, findings),
                }
            }
            Err(unread) => unread.report(shown, findings),
        }
        Ok(())
    })
}

fn tell(shown: &str, flaws: Flaws, findings: &mut Findings) {
    for (rule, what) in flaws {
        let message = format!("{shown}: {what}.");
        findings.add(rule, Place::file(shown), message);
    }
}

/// Judges the text of an annotation.
pub(crate) fn judge(text: &[u8], real: Option<Size>) -> Flaws {
    let mut flaws = Flaws::new();
    let root = match document::parse(text) {
        Ok(root) if root.name == "annotation" => root,
        Ok(root) => {
            flaws.push((
                Rule::VocXml,
                format!("the root element is `{}`, not `annotation`", root.name),
            ));
            return flaws;
        }
        Err(cause) => {
            flaws.push((Rule::VocXml, cause));
            return flaws;
        }
    };
    for name in ["folder", "filename"] {
        need_text(&root, name, "", &mut flaws);
    }
    match root.child("source") {
        Some(source) => {
            for name in ["database", "annotation"] {
                need_text(source, name, "source/", &mut flaws);
            }
        }
        None => flaws.push((Rule::VocElement, "there is no `source`".to_owned())),
    }
    let size = declared_size(&root, &mut flaws);
    if let (Some(size), Some(real)) = (size, real)
        && size != real
    {
        let what = format!("the declared size is {size}, the image is {real}");
        flaws.push((Rule::VocRealSize, what));
    }
    need_flag(&root, "segmented", "", &mut flaws);
    let mut count = 0;
    for object in root.children("object") {
        count += 1;
        judge_object(object, count, size, &mut flaws);
    }
    if count == 0 {
        flaws.push((Rule::VocNoObject, "there is no object".to_owned()));
    }
    flaws
}

fn declared_size(root: &Element, flaws: &mut Flaws) -> Option<Size> {
    let Some(size) = root.child("size") else {
        flaws.push((Rule::VocElement, "there is no `size`".to_owned()));
        return None;
    };
    let mut side = |name: &str| {
        let value = size
            .child(name)
            .and_then(|element| element.text().parse::<u32>().ok())
            .filter(|value| *value > 0);
        if value.is_none() {
            flaws.push((
                Rule::VocElement,
                format!("`size/{name}` is not a positive whole number"),
            ));
        }
        value
    };
    let (width, height, _) = (side("width"), side("height"), side("depth"));
    Some(Size {
        width: width?,
        height: height?,
    })
}

fn judge_object(object: &Element, number: u64, size: Option<Size>, flaws: &mut Flaws) {
    let prefix = format!("object {number}/");
    for name in ["name", "pose"] {
        need_text(object, name, &prefix, flaws);
    }
    need_flag(object, "truncated", &prefix, flaws);
    match object.child("difficult").map(Element::text) {
        None => flaws.push((Rule::VocElement, format!("there is no `{prefix}difficult`"))),
        Some(text) => match text.parse::<u64>() {
            Ok(0 | 1) => {}
            Ok(_) => flaws.push((
                Rule::VocDifficult,
                format!("`{prefix}difficult` is neither 0 nor 1"),
            )),
            Err(_) => flaws.push((
                Rule::VocFlag,
                format!("`{prefix}difficult` is not a whole number"),
            )),
        },
    }
    match object.child("bndbox") {
        Some(bndbox) => judge_box(bndbox, &prefix, size, flaws),
        None => flaws.push((Rule::VocElement, format!("there is no `{prefix}bndbox`"))),
    }
}

fn judge_box(bndbox: &Element, prefix: &str, size: Option<Size>, flaws: &mut Flaws) {
    let mut side = |name: &str| {
        let Some(element) = bndbox.child(name) else {
            flaws.push((
                Rule::VocElement,
                format!("there is no `{prefix}bndbox/{name}`"),
            ));
            return None;
        };
        let value = element.text().parse::<u64>().ok();
        if value.is_none() {
            let what = format!("`{prefix}bndbox/{name}` is not a whole number of zero or more");
            flaws.push((Rule::VocBox, what));
        }
        value
    };
    let sides = (side("xmin"), side("ymin"), side("xmax"), side("ymax"));
    let (Some(xmin), Some(ymin), Some(xmax), Some(ymax)) = sides else {
        return;
    };
    if xmin >= xmax || ymin >= ymax {
        flaws.push((
            Rule::VocBox,
            format!("the box of {prefix} has its corners reversed"),
        ));
        return;
    }
    if (xmax - xmin).saturating_mul(ymax - ymin) < 10 {
        flaws.push((
            Rule::VocTinyBox,
            format!("the box of {prefix} has fewer than 10 pixels"),
        ));
    }
    if size.is_some_and(|size| xmax > size.width.into() || ymax > size.height.into()) {
        flaws.push((
            Rule::VocOutside,
            format!("the box of {prefix} reaches beyond the declared size"),
        ));
    }
}

fn need_text(parent: &Element, name: &str, prefix: &str, flaws: &mut Flaws) {
    let present = parent
        .child(name)
        .is_some_and(|element| !element.text().is_empty());
    if !present {
        flaws.push((
            Rule::VocElement,
            format!("`{prefix}{name}` is missing or blank"),
        ));
    }
}

fn need_flag(parent: &Element, name: &str, prefix: &str, flaws: &mut Flaws) {
    match parent.child(name).map(Element::text) {
        Some("0" | "1") => {}
        Some(_) => flaws.push((
            Rule::VocFlag,
            format!("`{prefix}{name}` is neither 0 nor 1"),
        )),
        None => flaws.push((Rule::VocElement, format!("there is no `{prefix}{name}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "<annotation><folder>images</folder><filename>a.jpg</filename><source><database>d</database>\
        <annotation>v</annotation></source><size><width>32</width><height>32</height><depth>3</depth></size>\
        <segmented>0</segmented><object><name>w</name><pose>x</pose><truncated>0</truncated><difficult>0</difficult>\
        <bndbox><xmin>2</xmin><ymin>3</ymin><xmax>20</xmax><ymax>24</ymax></bndbox></object></annotation>";

    /// Replaces a part of a good annotation.
    fn check(part: &str, replacement: &str, expected: &[&str]) {
        assert!(GOOD.contains(part), "{part}");
        let text = GOOD.replacen(part, replacement, 1);
        let size = Size {
            width: 32,
            height: 32,
        };
        let ids: Vec<_> = judge(text.as_bytes(), Some(size))
            .into_iter()
            .map(|(rule, _)| rule.id())
            .collect();
        assert_eq!(ids, expected, "{part} -> {replacement}");
    }

    #[test]
    fn each_element_is_needed_and_judged() {
        check("", "", &[]);
        check("<folder>images</folder>", "", &["voc.element"]);
        check("<filename>a.jpg", "<filename> ", &["voc.element"]);
        check("<database>d</database>", "", &["voc.element"]);
        check("<depth>3", "<depth>0", &["voc.element"]);
        check("<width>32", "<width>64", &["voc.real-size"]);
        check("<segmented>0", "<segmented>2", &["voc.flag"]);
        check("<segmented>0</segmented>", "", &["voc.element"]);
        check("<pose>x", "<pose>", &["voc.element"]);
        check("<truncated>0", "<truncated>yes", &["voc.flag"]);
        check("<difficult>0", "<difficult>2", &["voc.difficult"]);
        check("<difficult>0", "<difficult>-1", &["voc.flag"]);
        check("<xmin>2<", "<xmin>2.5<", &["voc.box"]);
        check("<xmin>2<", "<xmin>-2<", &["voc.box"]);
        check("<xmin>2<", "<xmin>20<", &["voc.box"]);
        check("<xmin>2</xmin>", "", &["voc.element"]);
        check("<xmin>2<", "<xmin>19<", &[]);
        check("<ymin>3<", "<ymin>24<", &["voc.box"]);
        check(
            "<xmax>20</xmax><ymax>24",
            "<xmax>4</xmax><ymax>6",
            &["voc.tiny-box"],
        );
        check("<xmax>20", "<xmax>33", &["voc.outside"]);
    }

    #[test]
    fn text_that_is_no_annotation() {
        for text in [
            "",
            "  ",
            "<a/>",
            "<annotation>",
            "<annotation/><annotation/>",
            "x<annotation/>",
            "<annotation>&x;</annotation>",
        ] {
            let flaws = judge(text.as_bytes(), None);
            assert_eq!(
                flaws.first().map(|(rule, _)| rule.id()),
                Some("voc.xml"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn an_entity_bomb_is_refused_without_being_lit() {
        let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><annotation>&b;</annotation>";
        assert_eq!(
            judge(bomb.as_bytes(), None)
                .first()
                .map(|(rule, _)| rule.id()),
            Some("voc.xml")
        );
    }
}
