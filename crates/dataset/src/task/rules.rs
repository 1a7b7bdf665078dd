//! Rule ids in groups that tasks share, and what is left to the cluster. The ids' severities are elsewhere.

/// A group of rule ids, or of sentences.
pub(super) type Group = &'static [&'static str];

pub(super) const EVERY_TASK: Group = &[
    "table.pattern",
    "table.length",
    "table.underscore-first",
    "table.keyword",
    "csv.encoding",
    "csv.no-rows",
    "csv.duplicate-header",
    "csv.long-row",
    "csv.open-quote",
    "csv.backslash",
    "csv.column-name",
];

pub(super) const FILES: Group = &[
    "filename.column",
    "filename.missing-file",
    "file.orphan",
    "file.mixed-types",
];

pub(super) const IMAGES: Group = &[
    "image.broken",
    "image.size",
    "image.too-small",
    "image.default-floor",
    "image.pixel-limit",
];

pub(super) const MASKS: Group = &[
    "pairing.mask",
    "mask-id.column",
    "mask-id.empty",
    "mask-id.no-such-mask",
    "mask.broken",
    "mask.size",
    "mask.too-small",
];

pub(super) const VOC: Group = &[
    "pairing.annotation",
    "voc.xml",
    "voc.element",
    "voc.flag",
    "voc.box",
    "voc.no-object",
    "voc.difficult",
    "voc.tiny-box",
    "voc.outside",
    "voc.real-size",
];

pub(super) const KEYPOINTS: Group = &[
    "keypoint.column",
    "keypoint.json",
    "keypoint.value",
    "keypoint.count",
    "keypoint.box",
    "keypoint.names",
    "keypoint.visibility",
    "keypoint.outside",
];

pub(super) const TEXTS: Group = &["text.encoding", "text.blank"];

pub(super) const TOKENIZER: Group = &["text.tokenizer"];

pub(super) const RECORDS: Group = &["record.lines", "record.fields", "record.blank"];

pub(super) const BIO: Group = &["bio.tag", "bio.length", "bio.inside-first"];

pub(super) const TABLE: Group = &[
    "csv.bom",
    "schema.missing-column",
    "schema.type",
    "schema.length",
    "schema.reserved",
    "schema.duplicate",
    "schema.small-type",
    "value.numeric",
    "value.range",
    "value.length",
    "value.boolean",
    "value.date",
];

pub(super) const LABEL: Group = &["label.missing-column"];

pub(super) const CLASSES: Group = &["label.diversity", "label.blank-variants"];

pub(super) const GROUPS: Group = &[
    "group.schema",
    "group.null-id",
    "group.label",
    "group.time-number",
    "group.time-order",
    "feature.numeric",
];

pub(super) const FORECAST: Group = &[
    "forecast.column",
    "forecast.type",
    "forecast.value",
    "forecast.ambiguous",
    "forecast.order",
    "forecast.future",
    "feature.numeric",
];

pub(super) const EVENT: Group = &["event.column", "event.value", "event.missing-value"];

pub(super) const CLUSTER: Group = &["whether the table's destination is still empty"];

pub(super) const CLUSTER_IMAGES: Group =
    &["whether each image decodes to its last byte; only headers are read here"];

pub(super) const CLUSTER_DATES: Group =
    &["whether the cluster's parser reads every date, and what its clock calls today"];

pub(super) const CLUSTER_TYPES: Group =
    &["whether the database takes every value in its declared type"];

pub(super) const CLUSTER_SCHEMA: Group =
    &["values of columns that a hand-written document declares for the manifest"];
