use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use super::merge::RuleArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::prep::run::MakeArgs;
use crate::sample::Size;

/// Label a set by a segmentation network in ONNX form, and merge (needs a build with the feature `teacher`)
///
/// The network takes [1, 3, height, width] and gives [1, classes, height, width] at any stride: up to 150 classes in the
/// order of ADE20K. Its output is enlarged bilinearly; the best class and its probability are merged like the maps of
/// `labels merge`. docs/labels.md says how to export one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sdprep labels teach shards/kitti --onnx segformer.onnx --input-size 512x512
  sdprep labels teach shards/nyu --onnx oneformer.onnx --output scores --prefer agree --min-confidence 0.8")]
pub(in crate::cli::prep) struct Args {
    /// A set with ADE20K labels or without labels
    set: PathBuf,
    /// The network
    #[arg(long, value_name = "FILE", help_heading = "Network")]
    onnx: PathBuf,
    /// The size that the network sees [default: that of the samples]
    #[arg(long, value_name = "HEIGHTxWIDTH", help_heading = "Network")]
    input_size: Option<Size>,
    /// What is taken from red, green and blue in 0..1
    #[arg(long, value_name = "R,G,B", default_value = "0.485,0.456,0.406", value_parser = three, help_heading = "Network")]
    mean: Three,
    /// What the differences are divided by
    #[arg(long, value_name = "R,G,B", default_value = "0.229,0.224,0.225", value_parser = three, help_heading = "Network")]
    std: Three,
    /// The network wants blue first
    #[arg(long, help_heading = "Network")]
    bgr: bool,
    /// What the network puts out: logits (before a softmax over the classes) or scores (shares of their sum)
    #[arg(long, value_enum, default_value = "logits", value_name = "KIND", help_heading = "Network")]
    output: Numbers,
    /// The first class of the output is `other`, the second wall
    #[arg(long, help_heading = "Network")]
    other_first: bool,
    /// Name of the teacher, to be recorded [default: that of the file]
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    teacher: Option<String>,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    make: MakeArgs,
}

/// Three numbers, for red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Three([f32; 3]);

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Numbers {
    Logits,
    Scores,
}

fn three(text: &str) -> Result<Three, String> {
    let numbers: Option<Vec<f32>> =
        text.split(',').map(|n| n.trim().parse().ok().filter(|n: &f32| n.is_finite())).collect();
    let numbers = numbers.and_then(|n| n.try_into().ok());
    numbers.map(Three).ok_or_else(|| format!("expected three numbers such as 0.485,0.456,0.406, found {text:?}"))
}

impl Args {
    #[cfg(feature = "teacher")]
    pub(in crate::cli::prep) fn run(self, output: &Output) -> Result<Exit> {
        use crate::relabel::{Teacher, TeacherOptions, TeacherOutput};
        use crate::shard::Set;
        let set = Set::open(&self.set)?;
        let stem = self.onnx.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let options = TeacherOptions {
            input: self.input_size,
            mean: self.mean.0,
            std: self.std.0,
            bgr: self.bgr,
            output: match self.output {
                Numbers::Logits => TeacherOutput::Logits,
                Numbers::Scores => TeacherOutput::Scores,
            },
            other_first: self.other_first,
            ..TeacherOptions::new(self.teacher.unwrap_or(stem))
        };
        let teacher = Teacher::open(&self.onnx, &set, options)?;
        self.rules.run(&set, &teacher, &self.make, output)
    }

    #[cfg(not(feature = "teacher"))]
    pub(in crate::cli::prep) fn run(self, _: &Output) -> Result<Exit> {
        let text = "this sdprep was built without the feature `teacher`; build it with cargo install --path . --features \
                    teacher, or save the maps elsewhere and use sdprep labels merge";
        Err(crate::cli::exit::Usage(text.into()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_are_three() {
        assert_eq!(three("0.5, 0.25,1"), Ok(Three([0.5, 0.25, 1.0])));
        for wrong in ["", "1,2", "1,2,3,4", "a,b,c", "1,2,inf"] {
            assert!(three(wrong).is_err(), "{wrong}");
        }
    }
}
