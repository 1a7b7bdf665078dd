//! Documents: valid ones of every task, and ways to break them.

use dataset::task::{Field, Label, Need, Task};
use serde_json::{Map, Value, json};

use crate::evaluate::{Keyword, is_a};

/// A stream of numbers that is the same in every run (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }
}

/// How much of what is optional goes into a document.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    Some,
    All,
}

struct Writer<'a> {
    random: &'a mut Random,
    fill: Fill,
}

/// Writes a document that the ingestor accepts.
pub(crate) fn valid(task: Task, fill: Fill, random: &mut Random) -> Value {
    let mut writer = Writer { random, fill };
    let mut document = Map::new();
    for (key, value) in [
        ("apiVersion", "tracebloc.io/v1"),
        ("kind", "IngestConfig"),
        ("category", task.id()),
    ] {
        document.insert(key.to_owned(), json!(value));
    }
    document.insert("table".to_owned(), writer.table());
    document.insert(
        "intent".to_owned(),
        json!(writer.random.pick(&["train", "test"])),
    );
    let source = writer.random.pick(&["csv", "csv", "json"]);
    document.insert(source.to_owned(), writer.name());
    for field in Field::ALL {
        let wanted = match task.need(field) {
            Need::Required => true,
            Need::Optional | Need::Unused => writer.wants(),
            Need::Forbidden => false,
        };
        if wanted {
            document.insert(field.key().to_owned(), writer.field(field, task));
        }
    }
    if writer.wants() {
        document.insert("data_id".to_owned(), writer.data_id());
    }
    if writer.wants() {
        document.insert("spec".to_owned(), writer.spec());
    }
    Value::Object(document)
}

const NAMES: [&str; 12] = [
    "a",
    "label",
    "y",
    "null",
    "12",
    "2024-01-01",
    " ",
    "a.b",
    "größe",
    "時間",
    "x\ny",
    "/data/x/",
];
const TYPES: [&str; 6] = [
    "INT",
    "FLOAT",
    "VARCHAR(255)",
    "double precision",
    " text ",
    "DECIMAL(10,2)",
];

impl Writer<'_> {
    fn wants(&mut self) -> bool {
        self.fill == Fill::All || self.random.once_in(3)
    }

    fn name(&mut self) -> Value {
        json!(self.random.pick(&NAMES))
    }

    /// Once in a while one that only our own rule refuses.
    fn table(&mut self) -> Value {
        let odd = self.random.once_in(40);
        json!(self.random.pick(if odd {
            &["../../etc", "my-table", "1st", "a b"]
        } else {
            &["t", "_x", "Table_2", "select"]
        }))
    }

    fn whole(&mut self) -> Value {
        let number = 1 + self.random.below(2000);
        if self.random.once_in(3) {
            json!(number as f64)
        } else {
            json!(number)
        }
    }

    fn size(&mut self) -> Value {
        json!([self.whole(), self.whole()])
    }

    fn field(&mut self, field: Field, task: Task) -> Value {
        match field {
            Field::Schema => self.schema(task),
            Field::Label => self.label(task.contract().label),
            Field::TargetSize => self.size(),
            Field::NumberOfKeypoints => self.whole(),
            _ => self.name(),
        }
    }

    fn schema(&mut self, task: Task) -> Value {
        let mut columns = Map::new();
        for _ in 0..1 + self.random.below(4) {
            let odd = self.random.once_in(60);
            let kind = self
                .random
                .pick(if odd { &["STRING", ""] } else { &TYPES[..] });
            columns.insert(self.random.pick(&NAMES).to_owned(), json!(kind));
        }
        if let Some(grouping) = task.contract().grouping {
            columns.insert(grouping.group_column.to_owned(), json!("VARCHAR(9)"));
            columns.insert(grouping.time_column.to_owned(), json!("INT"));
        }
        Value::Object(columns)
    }

    fn label(&mut self, label: Label) -> Value {
        let policy = self.random.pick(&["passthrough", "bucket"]);
        match label {
            Label::WithPolicy => json!({ "column": self.name(), "policy": policy }),
            _ if self.random.once_in(2) => self.name(),
            _ if self.wants() => json!({ "column": self.name(), "policy": policy }),
            _ => json!({ "column": self.name() }),
        }
    }

    fn data_id(&mut self) -> Value {
        let strategy = self.random.pick(&["uuid", "column", "content_hash"]);
        let mut data_id = Map::new();
        data_id.insert("strategy".to_owned(), json!(strategy));
        if strategy == "column" || self.wants() {
            data_id.insert("column".to_owned(), self.name());
        }
        Value::Object(data_id)
    }

    fn some(&mut self, key: &str, value: Value) -> Option<(String, Value)> {
        self.wants().then(|| (key.to_owned(), value))
    }

    fn object<const N: usize>(&mut self, entries: [(&str, Value); N]) -> Value {
        Value::Object(
            entries
                .into_iter()
                .filter_map(|(key, value)| self.some(key, value))
                .collect(),
        )
    }

    fn spec(&mut self) -> Value {
        let texts = json!(["a", "", "b"]);
        let [name, name2, name3, chunk] = [self.name(), self.name(), self.name(), self.whole()];
        let csv = self.object([
            ("chunk_size", chunk),
            ("delimiter", name),
            ("quotechar", name2),
            ("escapechar", name3),
        ]);
        let extension = json!(
            self.random
                .pick(&[".jpg", ".jpeg", ".png", ".txt", ".text", ".xml"])
        );
        let [target, floor, resize, anything] =
            [self.size(), self.size(), self.size(), self.anything(2)];
        let files = self.object([
            ("target_size", target),
            ("min_size", floor),
            ("extension", extension),
            ("anything", anything),
        ]);
        let transform = self.object([("resize", resize)]);
        let dest = self.name();
        let mut sidecar = self.object([
            ("dest", dest),
            ("transform", transform),
            ("validators", texts.clone()),
        ]);
        let args = Value::Object(Map::from_iter([("k".to_owned(), self.anything(2))]));
        let mut processor = self.object([("args", args)]);
        for (object, keys) in [
            (&mut sidecar, ["column", "source"]),
            (&mut processor, ["script", "class"]),
        ] {
            for key in keys {
                object[key] = self.name();
            }
        }
        self.object([
            ("csv_options", csv),
            ("file_options", files),
            ("validators", texts),
            ("sidecars", json!([sidecar])),
            ("processors", json!([processor])),
        ])
    }

    fn anything(&mut self, depth: usize) -> Value {
        anything(self.random, depth)
    }
}

/// Makes any value, most of them small.
pub(crate) fn anything(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => json!(random.once_in(2)),
        2 => json!(random.below(5) as i64 - 2),
        3 => json!(random.below(40) as f64 / 8.0 - 2.0),
        4 => json!(""),
        5 => json!(random.pick(&NAMES)),
        6 => Value::Array(
            (0..random.below(4))
                .map(|_| anything(random, depth - 1))
                .collect(),
        ),
        _ => Value::Object(
            (0..random.below(3))
                .map(|i| (format!("k{i}"), anything(random, depth - 1)))
                .collect(),
        ),
    }
}

/// Makes a keyword fail that holds in a filled document.
pub(crate) fn fail(keyword: &Keyword, document: &mut Value, random: &mut Random) {
    const WRONG: [&str; 5] = [
        "potato",
        "Train",
        "tracebloc.io/v2",
        ".gif",
        "instance_segmentation",
    ];
    if keyword.at == "/properties/data_id/then/required" {
        document["data_id"] = json!({ "strategy": "column", "column": "a" });
    }
    // Breaking something else may have taken the place away.
    let Some(target) = find(document, &keyword.path, random) else {
        return;
    };
    let value = &keyword.value;
    let sevens = |count: usize| Value::Array(vec![json!(7); count]);
    match keyword.name.as_str() {
        "type" => *target = another_type(value.as_str().expect("one type"), random),
        "const" | "enum" => *target = json!(random.pick(&WRONG)),
        "minLength" => *target = json!(""),
        "minimum" => *target = json!(-(random.below(3) as i64)),
        "minItems" => *target = sevens(random.below(2)),
        "maxItems" => *target = sevens(3 + random.below(2)),
        "minProperties" => *target = json!({}),
        "required" => remove_one(value, target, random),
        "additionalProperties" => insert(target, random.pick(&["foo", "bar", "Kind"]), json!(1)),
        "not" => set_all(value, target),
        "oneOf" if keyword.path.is_empty() => change_source(target, random),
        "oneOf" => *target = anything(random, 2),
        // A condition fails for the documents of other tasks, which come anyway.
        "if" => {}
        unknown => panic!("no way is known to make {unknown} fail"),
    }
}

fn find<'a>(
    document: &'a mut Value,
    path: &[String],
    random: &mut Random,
) -> Option<&'a mut Value> {
    path.iter().try_fold(document, |value, key| match value {
        Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        Value::Object(object) => match key.as_str() {
            "*" => {
                let at = random.below(object.len().max(1));
                object.values_mut().nth(at)
            }
            key => Some(object.entry(key).or_insert(Value::Null)),
        },
        // The other form of a label.
        Value::String(column) => {
            *value = json!({ "column": column, "policy": "bucket" });
            value.get_mut(key)
        }
        _ => None,
    })
}

fn another_type(kind: &str, random: &mut Random) -> Value {
    loop {
        let value = anything(random, 1);
        if !is_a(kind, &value) {
            return value;
        }
    }
}

fn remove_one(keys: &Value, target: &mut Value, random: &mut Random) {
    let keys = keys.as_array().expect("a list");
    let key = keys[random.below(keys.len())].as_str().expect("text");
    match target {
        Value::Object(object) => drop(object.remove(key)),
        // The other form of a label.
        other => *other = json!({}),
    }
}

fn insert(target: &mut Value, key: &str, value: Value) {
    match target {
        Value::Object(object) => drop(object.insert(key.to_owned(), value)),
        other => *other = json!({ "column": "a", key: value }),
    }
}

fn set_all(schema: &Value, target: &mut Value) {
    for key in schema["required"].as_array().expect("a list") {
        insert(target, key.as_str().expect("text"), json!("x"));
    }
}

fn change_source(target: &mut Value, random: &mut Random) {
    let object = target.as_object_mut().expect("the document");
    let value = if random.once_in(2) {
        Some(json!("x"))
    } else {
        None
    };
    for key in ["csv", "json"] {
        match &value {
            Some(value) => object.insert(key.to_owned(), value.clone()),
            None => object.remove(key),
        };
    }
}

/// Does something to some value of a document.
pub(crate) fn disturb(value: &mut Value, random: &mut Random) {
    if random.once_in(3) {
        return change(value, random);
    }
    match value {
        Value::Array(items) if !items.is_empty() => {
            let at = random.below(items.len());
            disturb(&mut items[at], random);
        }
        Value::Object(object) if !object.is_empty() => {
            let at = random.below(object.len());
            disturb(object.values_mut().nth(at).expect("one of them"), random);
        }
        other => change(other, random),
    }
}

fn change(value: &mut Value, random: &mut Random) {
    match value {
        Value::Object(object) if !object.is_empty() && random.once_in(2) => {
            let at = random.below(object.len());
            let key = object.keys().nth(at).expect("one of them").clone();
            let removed = object.remove(&key);
            if random.once_in(2) {
                object.insert(format!("{key}_"), removed.expect("it was there"));
            }
        }
        Value::Object(object) => {
            let key = random.pick(&[
                "csv", "json", "label", "masks", "column", "policy", "schema", "data_id", "x.y",
            ]);
            object.insert(key.to_owned(), anything(random, 2));
        }
        other => *other = anything(random, 2),
    }
}
