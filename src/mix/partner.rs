use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::draws::Draws;
use crate::sample::Entry;

/// Which samples may be partners, beyond those of the same data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerRule {
    /// Only samples of the same scene type.
    pub same_scene_type: bool,
    /// Only samples of another scene; one without a scene is a scene of its own.
    pub other_scene: bool,
}

/// Finds partners: a pure function of the samples, the rule and the drawn number.
#[derive(Clone, Debug)]
pub struct Partners {
    /// The samples of each group, those of one scene side by side.
    groups: Vec<Vec<usize>>,
    /// The place of every sample.
    places: Vec<Option<Place>>,
}

#[derive(Clone, Debug)]
struct Place {
    group: usize,
    /// The neighbours in its group that cannot be its partner, itself among them.
    barred: std::ops::Range<usize>,
}

impl Partners {
    /// `samples` are data set and entry of each; only samples of the same data set are partners.
    #[must_use]
    pub fn new(samples: &[(&str, &Entry)], rule: PartnerRule) -> Self {
        let mut by_group: BTreeMap<(&str, Option<&str>), Vec<usize>> = BTreeMap::new();
        for (i, (dataset, entry)) in samples.iter().enumerate() {
            let scene_type = entry.scene_type.as_deref().filter(|_| rule.same_scene_type);
            if scene_type.is_some() || !rule.same_scene_type {
                by_group.entry((dataset, scene_type)).or_default().push(i);
            }
        }
        let scene = |i: usize| samples[i].1.scene.as_deref().filter(|_| rule.other_scene);
        let mut places: Vec<Option<Place>> = samples.iter().map(|_| None).collect();
        let mut groups: Vec<Vec<usize>> = by_group.into_values().collect();
        for (group, members) in groups.iter_mut().enumerate() {
            members.sort_by_key(|&i| (scene(i), i));
            let mut start = 0;
            for scene in members.chunk_by(|&a, &b| scene(a).is_some() && scene(a) == scene(b)) {
                let barred = start..start + scene.len();
                start = barred.end;
                scene.iter().for_each(|&i| places[i] = Some(Place { group, barred: barred.clone() }));
            }
        }
        Self { groups, places }
    }

    /// The partner of sample `i`, uniform among those it may have; `None` when there is none.
    pub fn draw(&self, i: usize, draws: &mut Draws) -> Option<usize> {
        let place = self.places.get(i)?.as_ref()?;
        let group = self.groups.get(place.group)?;
        let n_free = group.len().checked_sub(place.barred.len()).filter(|&n| n > 0)?;
        let at = draws.below(n_free);
        group.get(if at < place.barred.start { at } else { at + place.barred.len() }).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Purpose;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn partners_obey_the_rule_and_are_all_drawn(
            kinds in prop::collection::vec((0..2usize, 0..3usize, 0..4usize), 1..24),
            same_scene_type: bool, other_scene: bool,
        ) {
            let name = |n: usize, word: &str| (n > 0).then(|| format!("{word}{n}"));
            let entry = |&(_, kind, scene): &(usize, usize, usize)| Entry {
                scene: name(scene, "scene"), scene_type: name(kind, "type"), ..Entry::default()
            };
            let entries: Vec<Entry> = kinds.iter().map(entry).collect();
            let samples: Vec<(&str, &Entry)> =
                kinds.iter().zip(&entries).map(|(k, e)| (["nyu", "kitti"][k.0], e)).collect();
            let rule = PartnerRule { same_scene_type, other_scene };
            let partners = Partners::new(&samples, rule);
            let allowed = |i: usize, j: usize| {
                let ((set_i, a), (set_j, b)) = (samples[i], samples[j]);
                i != j && set_i == set_j
                    && (!same_scene_type || (a.scene_type.is_some() && a.scene_type == b.scene_type))
                    && (!other_scene || a.scene.is_none() || a.scene != b.scene)
            };
            for i in 0..samples.len() {
                let mut drawn: Vec<usize> = (0..400)
                    .filter_map(|copy| partners.draw(i, &mut Draws::new(1, "m", &i.to_string(), copy, Purpose::Pair)))
                    .collect();
                drawn.sort_unstable();
                drawn.dedup();
                let expected: Vec<usize> = (0..samples.len()).filter(|&j| allowed(i, j)).collect();
                prop_assert_eq!(drawn, expected);
            }
        }
    }
}
