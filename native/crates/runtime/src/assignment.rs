//! How the members of a group share the partitions: evenly, with as few moves as that takes.

use std::collections::{BTreeMap, BTreeSet};

/// Who reads each partition, and since which generation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners(Vec<Option<(u64, u64)>>);

impl Owners {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn owner(&self, partition: u32) -> Option<u64> {
        self.0.get(partition as usize)?.map(|(member, _)| member)
    }

    /// The generation that gave the member this partition, if it has it.
    pub fn since(&self, partition: u32, member: u64) -> Option<u64> {
        self.0.get(partition as usize)?.filter(|(owner, _)| *owner == member).map(|(_, since)| since)
    }

    /// The member's partitions, and the generations that gave them.
    pub fn of(&self, member: u64) -> BTreeMap<u32, u64> {
        let all = self.0.iter().enumerate();
        all.filter_map(|(p, owner)| owner.filter(|(m, _)| *m == member).map(|(_, since)| (p as u32, since))).collect()
    }
}

/// Shares `partitions` among `members`, who are in the order of their coming; returns those for whom something changed.
pub fn share(owners: &mut Owners, partitions: u32, members: &[u64], generation: u64) -> BTreeSet<u64> {
    let before = owners.clone();
    owners.0.resize(partitions as usize, None);
    let mut held: BTreeMap<u64, usize> = members.iter().map(|member| (*member, 0)).collect();
    for owner in &mut owners.0 {
        match owner.and_then(|(member, _)| held.get_mut(&member)) {
            Some(count) => *count += 1,
            None => *owner = None,
        }
    }
    // Those who have most keep one more, where it does not come out even.
    let mut ranked: Vec<u64> = members.to_vec();
    ranked.sort_by_key(|member| (std::cmp::Reverse(held[member]), *member));
    let (each, over) = match members.len() {
        0 => (0, 0),
        count => (partitions as usize / count, partitions as usize % count),
    };
    let mut room: BTreeMap<u64, usize> = BTreeMap::new();
    for (rank, member) in ranked.iter().enumerate() {
        room.insert(*member, each + usize::from(rank < over));
    }
    for owner in &mut owners.0 {
        let Some((member, _)) = *owner else { continue };
        match room.get_mut(&member) {
            Some(left) if *left > 0 => *left -= 1,
            _ => *owner = None,
        }
    }
    let mut takers = ranked.iter().copied().filter(|member| room[member] > 0);
    let mut free = room.clone();
    let mut taker = takers.next();
    for owner in owners.0.iter_mut().filter(|owner| owner.is_none()) {
        let Some(member) = taker else { break };
        *owner = Some((member, generation));
        free.entry(member).and_modify(|left| *left -= 1);
        if free[&member] == 0 {
            taker = takers.next();
        }
    }
    let members = members.iter().copied();
    members.filter(|member| before.of(*member) != owners.of(*member)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(owners: &Owners, members: &[u64]) -> Vec<usize> {
        members.iter().map(|member| owners.of(*member).len()).collect()
    }

    #[test]
    fn shares_are_even_and_only_what_must_moves() {
        let mut owners = Owners::new();
        share(&mut owners, 4, &[1], 1);
        assert_eq!(counts(&owners, &[1]), [4]);
        let moved = share(&mut owners, 4, &[1, 2], 2);
        assert_eq!(moved, BTreeSet::from([1, 2]));
        assert_eq!(owners.of(1), BTreeMap::from([(0, 1), (1, 1)]), "what stays keeps its generation");
        assert_eq!(owners.of(2), BTreeMap::from([(2, 2), (3, 2)]));
        share(&mut owners, 4, &[1, 2, 3], 3);
        assert_eq!(owners.of(1).len() + owners.of(2).len(), 3, "one partition moves");
        let two = owners.of(2);
        let moved = share(&mut owners, 4, &[2, 3], 4);
        assert!(two.iter().all(|(p, since)| owners.since(*p, 2) == Some(*since)), "nobody loses by another's going");
        assert!(moved.contains(&3));
        assert_eq!(counts(&owners, &[2, 3]), [2, 2]);
    }

    #[test]
    fn members_without_partitions_wait_for_some() {
        let mut owners = Owners::new();
        share(&mut owners, 1, &[1, 2, 3], 1);
        assert_eq!(counts(&owners, &[1, 2, 3]), [1, 0, 0]);
        assert!(share(&mut owners, 1, &[1, 3], 2).is_empty(), "nothing changes for those who stay");
        assert_eq!(share(&mut owners, 1, &[3], 3), BTreeSet::from([3]));
        assert_eq!(share(&mut owners, 3, &[3], 4), BTreeSet::from([3]));
        assert_eq!(owners.of(3), BTreeMap::from([(0, 3), (1, 4), (2, 4)]));
    }

    #[test]
    fn any_history_leaves_even_shares() {
        let (mut owners, mut members) = (Owners::new(), Vec::new());
        let mut seed = 7u64;
        for generation in 1..500 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if members.is_empty() || seed >> 63 == 0 {
                members.push(generation);
            } else {
                members.remove((seed >> 33) as usize % members.len());
            }
            let before = owners.clone();
            share(&mut owners, 64, &members, generation);
            let counts = counts(&owners, &members);
            let (least, most) = (counts.iter().min().unwrap_or(&0), counts.iter().max().unwrap_or(&0));
            assert!(most - least <= 1, "{counts:?}");
            assert_eq!(counts.iter().sum::<usize>(), if members.is_empty() { 0 } else { 64 });
            let moved = (0..64)
                .filter(|&p| before.owner(p).is_some_and(|m| members.contains(&m) && owners.owner(p) != Some(m)));
            assert!(moved.count() <= 64 / members.len().max(1) + members.len(), "too many moves at {generation}");
        }
    }
}
