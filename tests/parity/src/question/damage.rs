//! What may be wrong with a message.

use crate::random::Random;

/// How a message differs from what a client would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// Not at all.
    None,
    /// Only so many octets are left.
    Cut(usize),
    /// Octets follow.
    Behind(Vec<u8>),
    /// A count of the header (0 to 3) has this value.
    Count(usize, u16),
    /// The opcode.
    Opcode(u8),
    /// It says that it is a response.
    Response,
    /// The octet at this place has other bits.
    Bits(usize, u8),
    /// The last label of the name is a pointer to this place.
    Pointer(u8),
}

impl Damage {
    pub(super) fn random(random: &mut Random) -> Self {
        if random.percent(94) {
            return Self::None;
        }
        match random.below(8) {
            0 => Self::Cut(random.below(80)),
            1 => {
                let count = random.between(1, 30);
                Self::Behind(random.octets(count))
            }
            2 | 3 => Self::Count(random.below(4), *random.one_of(&[0, 1, 2, 3, 65_535])),
            4 => Self::Opcode(*random.one_of(&[1, 2, 4, 5, 6, 15])),
            5 => Self::Response,
            6 => Self::Bits(
                random.between(2, 60),
                *random.one_of(&[1, 0x20, 0x40, 0x80, 0xc0, 0xff]),
            ),
            _ => Self::Pointer(*random.one_of(&[0, 4, 12, 13, 20, 255])),
        }
    }

    pub(super) fn apply(&self, message: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Cut(length) => message.truncate(*length),
            Self::Behind(octets) => message.extend(octets),
            Self::Count(which, value) => {
                for (place, octet) in (4 + 2 * which..).zip(value.to_be_bytes()) {
                    set(message, place, |_| octet);
                }
            }
            Self::Opcode(opcode) => set(message, 2, |octet| octet & 0x87 | opcode << 3),
            Self::Response => set(message, 2, |octet| octet | 0x80),
            Self::Bits(place, bits) => set(message, *place, |octet| octet ^ bits),
            Self::Pointer(target) => {
                // The root label stands before QTYPE and QCLASS, where nothing else follows.
                let end = root_of(message);
                message.splice(end..=end, [0xc0, *target]);
            }
        }
    }
}

fn set(message: &mut [u8], place: usize, change: impl Fn(u8) -> u8) {
    if let Some(octet) = message.get_mut(place) {
        *octet = change(*octet);
    }
}

/// Where the name's root label is.
fn root_of(message: &[u8]) -> usize {
    let mut place = 12;
    while let Some(length) = message.get(place).filter(|length| **length > 0) {
        place += usize::from(*length) + 1;
    }
    place.min(message.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::super::Question;
    use super::*;

    #[test]
    fn each_damage_is_where_it_should_be() {
        let with = |damage| {
            Question {
                damage,
                ..Question::plain("web.shop", 1)
            }
            .encode()
        };
        assert_eq!(with(Damage::Count(3, 2))[10..12], [0, 2]);
        assert_eq!(with(Damage::Opcode(4))[2] >> 3, 4);
        assert_eq!(with(Damage::Response)[2] & 0x80, 0x80);
        assert_eq!(with(Damage::Cut(5)).len(), 5);
        assert_eq!(
            &with(Damage::Pointer(12))[16..],
            b"\x04shop\xc0\x0c\x00\x01\x00\x01"
        );
    }
}
