//! What a document may look like, apart from what depends on the task. The published schema and the validator both read this.

/// What a value must be.
#[derive(Debug)]
pub(super) enum Shape {
    /// Exactly this text.
    Constant(&'static str),
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// The id of a task.
    Task,
    /// Text that is not empty.
    Name,
    /// Any text.
    Text,
    /// A whole number from 1. `448.0` is whole.
    Count,
    /// Two of those: width and height.
    Size,
    /// Any number of values of one shape.
    List(&'static Shape),
    /// Column names with SQL types, one at least.
    Columns,
    /// A mapping with known keys.
    Object(&'static Object),
    /// A mapping with any keys and values.
    Anything,
    /// A column's name, or an object that has more to say about it.
    NameOr(&'static Object),
}

/// A mapping with known keys.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) fields: &'static [Field],
    pub(super) others: Others,
    /// A key that is needed when another one has a certain value.
    pub(super) when: Option<When>,
}

/// A key and what it holds.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) shape: Shape,
    pub(super) presence: Presence,
    /// For the published schema.
    pub(super) about: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
}

/// What becomes of keys that are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    Refused,
    Allowed,
}

#[derive(Debug)]
pub(super) struct When {
    pub(super) key: &'static str,
    pub(super) is: &'static str,
    pub(super) needs: &'static str,
}

impl Object {
    pub(super) fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    pub(super) fn required(&self) -> impl Iterator<Item = &'static str> {
        self.fields
            .iter()
            .filter(|field| field.presence == Presence::Required)
            .map(|field| field.key)
    }
}

const fn required(key: &'static str, shape: Shape, about: &'static str) -> Field {
    Field {
        key,
        shape,
        presence: Presence::Required,
        about,
    }
}

const fn optional(key: &'static str, shape: Shape, about: &'static str) -> Field {
    Field {
        key,
        shape,
        presence: Presence::Optional,
        about,
    }
}

const fn closed(fields: &'static [Field]) -> Object {
    Object {
        fields,
        others: Others::Refused,
        when: None,
    }
}

/// The document.
pub(super) static DOCUMENT: Object = closed(&[
    required(
        "apiVersion",
        Shape::Constant("tracebloc.io/v1"),
        "The version of this format.",
    ),
    required(
        "kind",
        Shape::Constant("IngestConfig"),
        "The kind of document.",
    ),
    required("category", Shape::Task, "The task that the data is for."),
    required(
        "table",
        Shape::Name,
        "The table to load, which is the dataset's name.",
    ),
    required(
        "intent",
        Shape::Choice(&["train", "test"]),
        "Whether models learn from the data or are tested with it.",
    ),
    optional(
        "csv",
        Shape::Name,
        "Path of the manifest in the cluster. Excludes `json`.",
    ),
    optional(
        "json",
        Shape::Name,
        "Path of a JSON file with records. Excludes `csv`.",
    ),
    optional("images", Shape::Name, "Directory of the images."),
    optional(
        "annotations",
        Shape::Name,
        "Directory of the annotations, an XML file for each image.",
    ),
    optional(
        "masks",
        Shape::Name,
        "Directory of the masks, a PNG file for each image.",
    ),
    optional("texts", Shape::Name, "Directory of the texts."),
    optional(
        "sequences",
        Shape::Name,
        "Directory of the texts whose words are to be hidden.",
    ),
    optional(
        "label",
        Shape::NameOr(&LABEL),
        "The label's column; text alone means the policy `passthrough`.",
    ),
    optional(
        "schema",
        Shape::Columns,
        "SQL types by column, in the order of the table to be made.",
    ),
    optional(
        "time_column",
        Shape::Name,
        "The column with the time until the event; `time` if absent.",
    ),
    optional(
        "target_size",
        Shape::Size,
        "Width and height that each image must have.",
    ),
    optional(
        "number_of_keypoints",
        Shape::Count,
        "How many keypoints each image has.",
    ),
    optional(
        "data_id",
        Shape::Object(&DATA_ID),
        "Where the rows' identifiers come from.",
    ),
    optional("spec", Shape::Object(&SPEC), "What is seldom needed."),
]);

static LABEL: Object = closed(&[
    required("column", Shape::Name, "The label's column."),
    optional(
        "policy",
        Shape::Choice(&["passthrough", "bucket"]),
        "What leaves the cluster: the value, or one of 64 anonymous codes in its place.",
    ),
]);

static DATA_ID: Object = Object {
    when: Some(When {
        key: "strategy",
        is: "column",
        needs: "column",
    }),
    ..closed(&[
        required(
            "strategy",
            Shape::Choice(&["uuid", "column", "content_hash"]),
            "A fresh identifier for every row, a column's value, or a salted digest of the row, under which equal rows become one.",
        ),
        optional("column", Shape::Name, "The column with the identifiers."),
    ])
};

static SPEC: Object = closed(&[
    optional(
        "csv_options",
        Shape::Object(&CSV_OPTIONS),
        "How the manifest is written.",
    ),
    optional(
        "file_options",
        Shape::Object(&FILE_OPTIONS),
        "What the data files must be like. Unknown keys are let through.",
    ),
    optional(
        "validators",
        Shape::List(&Shape::Text),
        "Accepted and ignored.",
    ),
    optional(
        "sidecars",
        Shape::List(&Shape::Object(&SIDECAR)),
        "Accepted and ignored.",
    ),
    optional(
        "processors",
        Shape::List(&Shape::Object(&PROCESSOR)),
        "Accepted and never run.",
    ),
]);

static CSV_OPTIONS: Object = closed(&[
    optional(
        "chunk_size",
        Shape::Count,
        "Rows read at once; 1000 if absent.",
    ),
    optional(
        "delimiter",
        Shape::Name,
        "Between fields; a comma if absent.",
    ),
    optional(
        "quotechar",
        Shape::Name,
        "Around fields; a double quote if absent.",
    ),
    optional(
        "escapechar",
        Shape::Name,
        "Before quotes in fields; a backslash if absent.",
    ),
]);

static FILE_OPTIONS: Object = Object {
    others: Others::Allowed,
    ..closed(&[
        optional(
            "target_size",
            Shape::Size,
            "Width and height that each image must have.",
        ),
        optional(
            "min_size",
            Shape::Size,
            "Width and height that each image must reach.",
        ),
        optional(
            "extension",
            Shape::Choice(&[".jpg", ".jpeg", ".png", ".txt", ".text", ".xml"]),
            "The one extension of the data files.",
        ),
    ])
};

static SIDECAR: Object = closed(&[
    required("column", Shape::Name, "The column that names the files."),
    required("source", Shape::Name, "Where they are."),
    optional("dest", Shape::Name, "Where they would go."),
    optional(
        "transform",
        Shape::Object(&TRANSFORM),
        "What would be done to them.",
    ),
    optional(
        "validators",
        Shape::List(&Shape::Text),
        "How they would be checked.",
    ),
]);

static TRANSFORM: Object = closed(&[optional("resize", Shape::Size, "Width and height.")]);

static PROCESSOR: Object = closed(&[
    required("script", Shape::Name, "The script's path."),
    required("class", Shape::Name, "The class in it."),
    optional("args", Shape::Anything, "Arguments for the class."),
]);
