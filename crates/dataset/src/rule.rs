//! The one table of rules: what is checked, how bad it is, which ingestors mind, and what to do about it.
//!
//! `docs/dataset-check.md` is written from this table. Which rules apply to which task is in the task registry.

mod reference;

use std::fmt;

pub use reference::reference;

use crate::age::{Age, RefusedBy};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Some ingestors refuse it, or it is bad for another reason.
    Warning,
    /// Every ingestor refuses the data or loses rows.
    Error,
}

/// What has to change for the finding to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remedied {
    /// The data.
    InData,
    /// The command line.
    ByFlag,
}

/// Whether `--for-ingestor` may turn the warning into an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Certainty {
    /// It is known which ages refuse it.
    Known,
    /// What exactly is refused is not known, so good data could be hit: a warning at every age.
    InDoubt,
}

/// Which tasks a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Every task; the registry does not list it.
    Common,
    /// The tasks whose registry row lists the id.
    Listed,
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// The rule.
    pub rule: Rule,
    /// Its id in all output. Two rows share an id where one rule is worse in one place than in another.
    pub id: &'static str,
    /// How bad it is when no ingestor age is named.
    pub severity: Severity,
    /// The ages that refuse the data.
    pub refused_by: RefusedBy,
    /// Whether that is certain.
    pub certainty: Certainty,
    /// What has to change.
    pub remedied: Remedied,
    /// Which tasks it is for.
    pub scope: Scope,
    /// What offends, as half a sentence.
    pub offence: &'static str,
    /// What to do about it, as a sentence.
    pub remedy: &'static str,
}

macro_rules! rules {
    ($( $rule:ident $id:literal $severity:ident $refused_by:ident $certainty:ident $remedied:ident $scope:ident $offence:literal $remedy:literal )*) => {
        /// Names a row of the rule table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each variant is described by its row")]
        pub enum Rule { $( $rule, )* }

        /// All rows, in the order in which findings are reported.
        pub static TABLE: &[Row] = &[ $( Row {
            rule: Rule::$rule,
            id: $id,
            severity: Severity::$severity,
            refused_by: RefusedBy::$refused_by,
            certainty: Certainty::$certainty,
            remedied: Remedied::$remedied,
            scope: Scope::$scope,
            offence: $offence,
            remedy: $remedy,
        }, )* ];

        impl Rule {
            /// Gives the rule's row.
            pub fn row(self) -> &'static Row {
                // The macro writes variants and rows in one order; a test holds on to it.
                &TABLE[self as usize]
            }
        }
    };
}

rules! {
TaskUnknown "task.unknown" Error All Known ByFlag Common
    "the task is not given, not known or not supported"
    "Pass --task with one of the supported tasks."
FlagUnused "flag.unused" Error All Known ByFlag Common
    "a flag is given that the task has no use for"
    "Leave the flag out."
FlagValue "flag.value" Error All Known ByFlag Common
    "a flag's value cannot be read"
    "Correct the value."
FlagMissing "flag.missing" Error All Known ByFlag Common
    "the task needs a flag that is not given"
    "Pass the flag."
TableName "table.name" Error All Known ByFlag Common
    "the table name is empty"
    "Pass --table with a name."
TableLength "table.length" Error All Known ByFlag Listed
    "the table name is longer than 63 bytes"
    "Choose a shorter name."
TablePattern "table.pattern" Error All Known ByFlag Listed
    "the table name is not a letter or underscore followed by letters, digits and underscores"
    "Use ASCII letters, digits and underscores only, and no digit in front; hyphens, dots and blanks are not allowed."
TableUnderscoreFirst "table.underscore-first" Warning Older Known ByFlag Listed
    "the table name begins with an underscore"
    "Choose a name that begins with a letter."
TableKeyword "table.keyword" Warning None Known ByFlag Listed
    "the table name is a reserved word of MySQL 8"
    "Choose another name, or quote it in every query you write by hand."
TableLabel "table.label" Note None Known ByFlag Common
    "the table name begins or ends with an underscore, which a Kubernetes label value must not"
    "Nothing to do: labels carry a trimmed form of the name, the table keeps it."
SchemaFile "schema.file" Error All Known ByFlag Common
    "the schema file cannot be read, or is not a YAML mapping of column names to types"
    "Pass a readable YAML file with one `column: TYPE` a line."
SchemaSyntax "schema.syntax" Error All Known ByFlag Common
    "the schema is not a list of column:TYPE entries"
    "Write --schema 'column:TYPE,column:TYPE', or use a schema file for names that contain a comma or a colon."
SchemaType "schema.type" Error All Known ByFlag Listed
    "a declared type is not one that tables can have"
    "Use one of the accepted SQL types."
SchemaLength "schema.length" Error All Known ByFlag Listed
    "VARCHAR or CHAR is declared without a length"
    "Give the length, as in VARCHAR(255)."
SchemaReserved "schema.reserved" Error All Known ByFlag Listed
    "a declared column has a name that the platform keeps for itself"
    "Leave the column out of the schema, or rename it in the header and the schema."
SchemaDuplicate "schema.duplicate" Error All Known ByFlag Listed
    "a column is declared twice"
    "Declare each column once."
SchemaSmallType "schema.small-type" Warning Older Known ByFlag Listed
    "a column is declared as a small integer or a blob, which older value checks do not know"
    "Use INT, BIGINT or TEXT instead."
RootUnreadable "root.unreadable" Error All Known InData Common
    "the dataset path does not exist or cannot be opened"
    "Check the path and its permissions."
RootKind "root.kind" Error All Known InData Common
    "the dataset path is neither a directory nor, for tables, a .csv file"
    "Point at the folder that holds the dataset."
ManifestMissing "layout.manifest" Error All Known InData Common
    "the manifest is not there, or there are several candidates"
    "Put exactly one there."
ManifestKind "layout.manifest-kind" Error All Known InData Common
    "the manifest is a directory, a link or a special file"
    "Put a regular file there."
DirectoryMissing "layout.directory" Error All Known InData Common
    "a data directory is not there"
    "Create it in lower case and put the files in."
DirectoryKind "layout.directory-kind" Error All Known InData Common
    "a data directory is a link or not a directory"
    "Make it a real directory with the files."
EntryLink "layout.link" Error All Known InData Common
    "a file to be sent is a symbolic link, which could lead out of the folder or around the size limits"
    "Replace the link by the file, for instance with `cp -L`."
EntrySpecial "layout.special-file" Error All Known InData Common
    "an entry with an accepted name is a pipe, a socket or a device"
    "Remove it."
EntryUnreadable "layout.unreadable" Error All Known InData Common
    "a file or directory cannot be opened or listed"
    "Make it readable for yourself, for instance with `chmod u+rX`."
NoFiles "layout.no-files" Error All Known InData Common
    "a data directory holds no file with an accepted extension"
    "Put the files directly into the directory."
EntryNested "layout.nested" Warning None Known InData Common
    "files with accepted names lie one level too deep and are not sent"
    "Move them up."
EntryHidden "layout.hidden" Note None Known InData Common
    "entries whose name begins with a dot are left out"
    "Nothing to do."
EntryIgnored "layout.ignored" Note None Known InData Common
    "entries that the task has no use for are left out"
    "Nothing to do."
BucketDecoded "bucket.decoded" Note None Known InData Common
    "the folder is a decoded S3 bucket; its bookkeeping files are left out and renames undone"
    "Nothing to do."
BucketKeymap "bucket.keymap" Error All Known InData Common
    "the bucket's KEYMAP.jsonl cannot be read, so that renames cannot be undone"
    "Decode the bucket again."
FileSize "size.file" Error All Known InData Common
    "a file is larger than the limit for one file"
    "Split the data into several tables, or raise --max-file-size if your cluster allows it."
TotalSize "size.total" Error All Known InData Common
    "the dataset is larger than the limit for one dataset"
    "Split the data into several tables, or raise --max-total-size if your cluster allows it."
RecordSize "size.record" Error All Known ByFlag Common
    "a record of the manifest, an annotation, or a text that is a record takes more memory than one may have, which is no limit of the cluster"
    "Raise --max-record-size; a check takes several times as much memory."
FileMixedTypes "file.mixed-types" Error All Known InData Listed
    "the files of a directory have different extensions; .jpg and .jpeg differ too"
    "Convert or rename them to one extension."
NameTwins "name.twins" Warning None Known InData Common
    "names differ only by case or Unicode form"
    "Rename one of them; many systems take them for the same."
TextTokenizer "text.tokenizer" Warning Older Known InData Listed
    "tokenizer.json is absent, or its vocabulary lacks [MASK] or [PAD]; only looked at with --for-ingestor older"
    "Put a tokenizer.json with [MASK] and [PAD] beside labels.csv and pass --stage-tokenizer."
CsvBom "csv.bom" Error Older Known InData Listed
    "the table begins with a byte-order mark, which older ingestors take for a part of the first column's name"
    "Save the file as UTF-8 without BOM."
CsvEncoding "csv.encoding" Error All Known InData Listed
    "the manifest is not UTF-8 text, or has a NUL byte"
    "Save the file again as UTF-8."
CsvOpenQuote "csv.open-quote" Error All Known InData Listed
    "a quoted field never ends"
    "Close the quote, and double every quote that belongs to a value."
CsvNoRows "csv.no-rows" Error All Known InData Listed
    "there is no header, or no row below it"
    "Add a header and at least one row."
CsvDuplicateHeader "csv.duplicate-header" Error All Known InData Listed
    "a column name occurs twice in the header"
    "Rename or remove one of the columns."
CsvLongRow "csv.long-row" Error All Known InData Listed
    "a row has more fields than the header"
    "Quote values that contain a comma, or complete the header."
CsvColumnName "csv.column-name" Error All Known InData Listed
    "a column of the table's schema has no name, one of more than 64 characters, one that only case tells from another, or there are more than 4000"
    "Rename the column; an index column without a name is best removed."
CsvColumnNameOther "csv.column-name" Warning None InDoubt InData Listed
    "the same for a column outside the table's schema"
    "Rename the column; an index column without a name is best removed."
CsvBackslash "csv.backslash" Warning None Known InData Listed
    "cells contain a backslash, which the cluster's loader takes for an escape character and drops"
    "Replace the backslashes if they matter, for instance by slashes in paths."
SchemaMissingColumn "schema.missing-column" Error All Known InData Listed
    "a declared column is not in the header"
    "Add the column, or take it out of --schema; case counts."
ValueNumeric "value.numeric" Error All Known InData Listed
    "a cell of a numeric column is not a number, or one of a whole-number column has a fraction"
    "Correct the cell, or declare another type."
ValueRange "value.range" Error All InDoubt InData Listed
    "a number is infinite or needs more than 64 bits"
    "Correct the cell, or declare VARCHAR."
ValueRangeDeclared "value.range" Warning None InDoubt InData Listed
    "a number does not fit the declared integer type"
    "Declare BIGINT."
ValueLength "value.length" Error All Known InData Listed
    "a text is longer than its VARCHAR, or not exactly as long as its CHAR"
    "Declare a greater length."
ValueBoolean "value.boolean" Error All Known InData Listed
    "a cell of a BOOLEAN column is none of true, false, yes, no, y, n, t, f, 1, 0"
    "Correct the cell, or declare another type."
ValueDate "value.date" Warning All InDoubt InData Listed
    "a cell of a date or time column is in no form known here"
    "Write dates as YYYY-MM-DD and times as YYYY-MM-DD HH:MM:SS."
LabelMissingColumn "label.missing-column" Error All Known ByFlag Listed
    "the label column is not in the header"
    "Pass --label-column with one of the columns, or add the column."
LabelDiversity "label.diversity" Error All Known InData Listed
    "the label column has fewer than two different values"
    "Choose the right label column, or add examples of a second class."
LabelBlankVariants "label.blank-variants" Warning None Known InData Listed
    "labels differ only in surrounding blanks"
    "Write each label in one way."
GroupSchema "group.schema" Error All Known InData Listed
    "the schema does not declare the sequence and the time column"
    "Name the columns `sequence_id` and `timestamp`, and declare both."
GroupNullId "group.null-id" Error All Known InData Listed
    "a row names no sequence"
    "Fill in the sequence, or remove the row."
GroupLabel "group.label" Error All Known InData Listed
    "the rows of one sequence have different labels"
    "Give every row of a sequence the same label."
GroupTimeNumber "group.time-number" Error All Known InData Listed
    "a cell of a numeric time column is not a number"
    "Fill in the time."
GroupTimeOrder "group.time-order" Error All Known InData Listed
    "time runs backwards inside a sequence"
    "Sort the rows of each sequence by time."
GroupCount "group.count" Note None Known InData Common
    "the platform counts sequences, not rows"
    "Nothing to do."
FeatureNumeric "feature.numeric" Error All Known InData Listed
    "a feature column holds words"
    "Leave the column out of --schema, or replace the words by numbers."
ForecastColumn "forecast.column" Error All Known InData Listed
    "the `timestamp` column is not in the schema or not in the header"
    "Name the time column `timestamp`, in lower case, and declare it as TIMESTAMP."
ForecastTypeOther "forecast.type" Error All Known ByFlag Listed
    "`timestamp` is neither TIMESTAMP nor another date type"
    "Declare `timestamp` as TIMESTAMP, and write its cells as dates."
ForecastType "forecast.type" Warning AllButNewest Known ByFlag Listed
    "`timestamp` is declared as DATE or DATETIME"
    "Declare it as TIMESTAMP."
ForecastValue "forecast.value" Error All Known InData Listed
    "a timestamp is missing or not a date"
    "Write timestamps as YYYY-MM-DD HH:MM:SS, and fill in missing ones."
ForecastAmbiguous "forecast.ambiguous" Error All Known InData Listed
    "a timestamp means one day with the month first and another with the day first"
    "Write timestamps as YYYY-MM-DD HH:MM:SS."
ForecastOrder "forecast.order" Error All Known InData Listed
    "a timestamp is earlier than one above it"
    "Sort the rows by time."
ForecastFuture "forecast.future" Error All Known InData Listed
    "a timestamp is on a day after today"
    "Remove rows that have not happened yet, or correct the year."
ForecastFutureNear "forecast.future" Warning None InDoubt InData Listed
    "a timestamp is of today or yesterday, which the cluster's clock may still call today"
    "Leave out the last days, or push tomorrow."
EventColumn "event.column" Error All Known InData Listed
    "the time column is not in the header with that spelling"
    "Pass --time-column with the column's name, or call the column `time`."
EventValue "event.value" Error All Known InData Listed
    "a time until the event is not a number, or negative"
    "Correct the cell; zero is allowed."
EventMissingValue "event.missing-value" Warning None Known InData Listed
    "a time until the event is missing"
    "Fill it in."
FilenameColumn "filename.column" Error All Known InData Listed
    "the manifest has no column called exactly `filename`"
    "Rename the column that names the files to `filename`, in lower case."
FilenameMissingFile "filename.missing-file" Error All Known InData Listed
    "a row names a file that is not there"
    "Add the file, or correct or remove the row."
FileOrphan "file.orphan" Note None Known InData Listed
    "files are named by no row"
    "Nothing to do; they are sent and stay unused."
ImageBroken "image.broken" Error All Known InData Listed
    "an image is empty, or its header is not that of an image"
    "Replace or remove the image."
ImageTooSmall "image.too-small" Error All Known InData Listed
    "an image is smaller than --min-size"
    "Remove the image, or lower --min-size."
ImageSize "image.size" Error All Known InData Listed
    "an image has another size than expected; the cluster never resizes"
    "Bring all images to one size, given as width x height."
ImageDefaultFloor "image.default-floor" Warning Newer Known InData Listed
    "an image is smaller than 32x32, the floor of newer ingestors, and --min-size is not given"
    "Pass --min-size if the images are meant to be that small."
ImagePixelLimit "image.pixel-limit" Warning All InDoubt InData Listed
    "an image has more pixels than the cluster's decoder takes, about 179 million"
    "Scale the image down."
PairingAnnotation "pairing.annotation" Error All Known InData Listed
    "an image has no annotation of its stem, or the reverse"
    "Give each image.jpg an image.xml, and remove the rest."
PairingMask "pairing.mask" Error All Known InData Listed
    "an image has no mask, a mask has no image, or a mask is not called <stem>_mask.png"
    "Give each image.jpg an image_mask.png, and remove the rest."
MaskIdColumn "mask-id.column" Error All Known InData Listed
    "the manifest has no column called exactly `mask_id`"
    "Add a column `mask_id`, in lower case, with the name of each row's mask."
MaskIdEmpty "mask-id.empty" Error All Known InData Listed
    "a row names no mask"
    "Fill in mask_id."
MaskIdNoSuchMask "mask-id.no-such-mask" Warning None Known InData Listed
    "mask_id names no file of masks/; training fails on it"
    "Add the mask, or correct the name."
MaskBroken "mask.broken" Error All Known InData Listed
    "a mask is empty, or its header is not that of an image"
    "Replace the mask."
MaskTooSmall "mask.too-small" Error All Known InData Listed
    "a mask is smaller than --min-size"
    "Remove mask and image, or lower --min-size."
MaskSize "mask.size" Error All Known InData Listed
    "a mask has another size than the images"
    "Bring the mask to the size of the images."
VocXml "voc.xml" Error All Known InData Listed
    "an annotation is not well-formed XML with the root element `annotation`"
    "Export the annotation again as Pascal VOC."
VocElement "voc.element" Error All Known InData Listed
    "an annotation lacks an element, or one is blank or not a positive whole number"
    "Add the element; all exporters of Pascal VOC write it."
VocFlag "voc.flag" Error All Known InData Listed
    "segmented or truncated is not 0 or 1, or difficult is not a whole number"
    "Write 0 or 1."
VocBox "voc.box" Error All Known InData Listed
    "a box has a corner that is not a whole number, is negative, or comes after the opposite one"
    "Write whole pixels with xmin < xmax and ymin < ymax."
VocNoObject "voc.no-object" Warning None Known InData Listed
    "an annotation has no object"
    "Nothing to do if the image is meant to be empty."
VocDifficult "voc.difficult" Warning None Known InData Listed
    "difficult is neither 0 nor 1"
    "Write 0 or 1."
VocTinyBox "voc.tiny-box" Warning None Known InData Listed
    "a box has an area of less than 10 pixels"
    "Check the box."
VocOutside "voc.outside" Warning Newer Known InData Listed
    "a box reaches beyond the declared width or height"
    "Clip the box to the image."
VocRealSize "voc.real-size" Warning Newer Known InData Listed
    "the declared size is not that of the image"
    "Correct width and height in the annotation."
KeypointColumn "keypoint.column" Error All Known InData Listed
    "the manifest has no column called exactly `Annotation` or `Visibility`"
    "Add the columns; case counts."
KeypointJson "keypoint.json" Error All Known InData Listed
    "a cell is not a JSON object"
    "Write {\"name\": [x, y], ...} and {\"name\": 0 or 1, ...}, with quotes doubled inside the CSV."
KeypointValue "keypoint.value" Error All Known InData Listed
    "a keypoint is not [x, y] or {\"x\": .., \"y\": ..} with numbers of zero or more"
    "Correct the coordinates."
KeypointCount "keypoint.count" Error All Known InData Listed
    "a row has another number of keypoints than --number-of-keypoints"
    "Correct the row, or the flag."
KeypointBox "keypoint.box" Error All Known InData Listed
    "the keypoints of a row have no extent in width or height"
    "Correct the coordinates."
KeypointNames "keypoint.names" Error All Known InData Listed
    "a row has other keypoint names than the first one"
    "Give every row the same names."
KeypointVisibility "keypoint.visibility" Error All Known InData Listed
    "a visibility is not 0 or 1, or is given for other names than the row's keypoints"
    "Write 0 or 1 for each keypoint of the row."
KeypointOutside "keypoint.outside" Warning Newer Known InData Listed
    "a keypoint lies outside the declared image size"
    "Correct the coordinates; they are pixels of the image."
RecordLines "record.lines" Error All Known InData Listed
    "a text file holds more than one record"
    "Write one record, on one line, per file."
RecordFields "record.fields" Error All Known InData Listed
    "a text file has another number of tab-separated fields than the task needs"
    "Separate the fields by tabs."
RecordBlank "record.blank" Error All Known InData Listed
    "a field of a text file is blank"
    "Fill in the field."
BioTag "bio.tag" Error All Known InData Listed
    "a tag is not O, B-NAME or I-NAME"
    "Write the tags as O, B-NAME and I-NAME, separated by blanks."
BioLength "bio.length" Error All Known InData Listed
    "the number of tags is not the number of words"
    "Give each word of the text one tag; words are separated by white space."
BioInsideFirst "bio.inside-first" Warning None Known InData Listed
    "I-NAME follows neither B-NAME nor I-NAME"
    "Write B-NAME where a name begins, unless you mean the older scheme."
TextEncoding "text.encoding" Error All Known InData Listed
    "a text is not UTF-8 or has a NUL byte, within what every ingestor reads"
    "Save the file again as UTF-8."
TextEncodingBeyond "text.encoding" Warning None InDoubt InData Listed
    "a text is not UTF-8 or has a NUL byte, beyond the sample that ingestors read"
    "Save the file again as UTF-8."
TextBlank "text.blank" Warning None Known InData Listed
    "a text is blank"
    "Remove the file and its row, or fill it."
FileChanged "file.changed" Error All Known InData Common
    "a file changed, grew, shrank, became a link or vanished while it was read"
    "Let other programs finish, and run again."
}

impl Rule {
    /// Gives the id of the output.
    pub fn id(self) -> &'static str {
        self.row().id
    }

    /// Says how bad the rule's findings are for the ingestor that the user asked about.
    pub fn severity(self, for_ingestor: Option<Age>) -> Severity {
        let row = self.row();
        let refused = for_ingestor.is_some_and(|age| row.refused_by.includes(age));
        match (row.severity, row.certainty) {
            (Severity::Warning, Certainty::Known) if refused => Severity::Error,
            (severity, _) => severity,
        }
    }
}

impl Severity {
    /// Gives the word of the output.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::task::Task;

    #[test]
    fn variants_and_rows_are_in_one_order() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.rule as usize, index, "{}", row.id);
        }
    }

    #[test]
    fn the_registry_lists_exactly_the_rules_that_are_not_common() {
        let ids = |scope| {
            let rows = TABLE.iter().filter(move |row| row.scope == scope);
            rows.map(|row| row.id).collect::<BTreeSet<_>>()
        };
        let listed: BTreeSet<_> = Task::ALL.into_iter().flat_map(Task::rules).collect();
        assert_eq!(listed, ids(Scope::Listed));
        assert!(ids(Scope::Common).is_disjoint(&listed));
    }

    #[test]
    fn texts_can_be_put_into_sentences() {
        for row in TABLE {
            assert!(!row.offence.ends_with('.'), "{}", row.id);
            assert!(row.remedy.ends_with('.'), "{}", row.id);
        }
    }

    #[test]
    fn an_age_turns_its_own_warnings_into_errors_and_no_others() {
        let turned = |age| {
            let rows = TABLE.iter();
            let rows = rows.filter(|row| row.severity == Severity::Warning);
            rows.filter(|row| row.rule.severity(Some(age)) == Severity::Error)
                .map(|row| row.id)
                .collect::<Vec<_>>()
        };
        let newer = [
            "image.default-floor",
            "voc.outside",
            "voc.real-size",
            "keypoint.outside",
        ];
        assert_eq!(turned(Age::Newest), newer);
        assert_eq!(
            turned(Age::Newer),
            [&["forecast.type"][..], &newer].concat()
        );
        assert_eq!(
            turned(Age::Older),
            [
                "table.underscore-first",
                "schema.small-type",
                "text.tokenizer",
                "forecast.type"
            ]
        );
    }
}
