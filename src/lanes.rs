//! SHA-512 ([FIPS 180-4]) of many texts at once, one in each lane of a vector register.
//!
//! A message brings up to a thousand changes, and each has a loop signature of its own: one after the other they were a fifth
//! of the time that a message takes. Processors with AVX-512 have eight lanes of 64 bits and rotate them in one step; on others
//! each text is hashed by itself. The compiler makes the vectors, from loops over the lanes. The one library that does the same
//! brings 130 others with it.
//!
//! [FIPS 180-4]: https://doi.org/10.6028/NIST.FIPS.180-4

#![cfg_attr(
    not(target_arch = "x86_64"),
    allow(
        dead_code,
        reason = "the lanes are tested everywhere and used where AVX-512 may be"
    )
)]

use std::array::from_fn;

use sha2::{Digest, Sha512};

const LANES: usize = 8;
const BLOCK: usize = 128;

/// One word of each lane.
type Words = [u64; LANES];

/// The SHA-512 of each text, which is given in parts; in their order.
#[must_use]
pub(crate) fn sha512_of_each<const PARTS: usize>(texts: &[[&[u8]; PARTS]]) -> Vec<[u8; 64]> {
    #[cfg(target_arch = "x86_64")]
    if texts.len() > 2
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
    {
        return in_lanes(texts, |state, blocks| {
            #[allow(
                unsafe_code,
                reason = "what the processor has is found out when it runs"
            )]
            // SAFETY: the processor has what the function needs, and nothing else about it is unsafe.
            unsafe {
                compress_avx512(state, blocks);
            }
        });
    }
    // Lanes that are empty cost as much as full ones.
    texts.iter().map(sha512).collect()
}

/// The SHA-512 of one text.
#[must_use]
pub(crate) fn sha512<const PARTS: usize>(text: &[&[u8]; PARTS]) -> [u8; 64] {
    let mut hash = Sha512::new();
    for part in text {
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
fn compress_avx512(state: &mut [Words; 8], blocks: &[&[u8; BLOCK]; LANES]) {
    compress(state, blocks);
}

/// Texts of about the same length go side by side, so that few lanes run empty.
fn in_lanes<const PARTS: usize>(
    texts: &[[&[u8]; PARTS]],
    compress: impl Fn(&mut [Words; 8], &[&[u8; BLOCK]; LANES]),
) -> Vec<[u8; 64]> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|index| texts[*index].iter().map(|part| part.len()).sum::<usize>());
    let mut hashes = vec![[0; 64]; texts.len()];
    let mut padded: [Vec<u8>; LANES] = Default::default();
    for side_by_side in order.chunks(LANES) {
        for (index, lane) in side_by_side.iter().zip(&mut padded) {
            pad(&texts[*index], lane);
        }
        let lanes: [&[[u8; BLOCK]]; LANES] = from_fn(|lane| match lane < side_by_side.len() {
            true => padded[lane].as_chunks().0,
            false => &[],
        });
        let longest = lanes.iter().map(|blocks| blocks.len()).max().unwrap_or(0);
        let mut state = INITIAL.map(|word| [word; LANES]);
        for at in 0..longest {
            let blocks = lanes.map(|blocks| blocks.get(at).unwrap_or(&[0; BLOCK]));
            compress(&mut state, &blocks);
            for (lane, index) in side_by_side.iter().enumerate() {
                if lanes[lane].len() == at + 1 {
                    for (word, bytes) in state.iter().zip(hashes[*index].as_chunks_mut().0) {
                        *bytes = word[lane].to_be_bytes();
                    }
                }
            }
        }
    }
    hashes
}

/// Section 5.1.2: a one bit, zeros, and the length in bits, up to the end of a block.
fn pad(text: &[&[u8]], out: &mut Vec<u8>) {
    out.clear();
    for part in text {
        out.extend_from_slice(part);
    }
    let bits = 8 * out.len() as u128;
    out.push(0x80);
    out.resize((out.len() + 16).next_multiple_of(BLOCK) - 16, 0);
    out.extend_from_slice(&bits.to_be_bytes());
}

/// Section 6.4.2, in every lane.
#[inline(always)]
fn compress(state: &mut [Words; 8], blocks: &[&[u8; BLOCK]; LANES]) {
    let words = blocks.map(|block| block.as_chunks().0);
    let mut w = [[0; LANES]; 16];
    for (t, word) in w.iter_mut().enumerate() {
        *word = each(|lane| u64::from_be_bytes(words[lane][t]));
    }
    let mut now = *state;
    for constants in ROUNDS.as_chunks::<16>().0 {
        for (constant, word) in constants.iter().zip(&w) {
            let [a, b, c, d, e, f, g, h] = now;
            let first = each(|lane| {
                let (e, f, g) = (e[lane], f[lane], g[lane]);
                let sum = e.rotate_right(14) ^ e.rotate_right(18) ^ e.rotate_right(41);
                let choice = (e & f) ^ (!e & g);
                h[lane]
                    .wrapping_add(sum)
                    .wrapping_add(choice)
                    .wrapping_add(*constant)
                    .wrapping_add(word[lane])
            });
            let second = each(|lane| {
                let (a, b, c) = (a[lane], b[lane], c[lane]);
                let sum = a.rotate_right(28) ^ a.rotate_right(34) ^ a.rotate_right(39);
                let majority = (a & b) ^ (a & c) ^ (b & c);
                sum.wrapping_add(majority)
            });
            now = [add(first, second), a, b, c, add(d, first), e, f, g];
        }
        // The sixteen words of the next rounds; those behind the last are made in vain.
        for t in 0..16 {
            let (near, far) = (w[(t + 1) % 16], w[(t + 14) % 16]);
            let mixed = each(|lane| {
                let (near, far) = (near[lane], far[lane]);
                let low = near.rotate_right(1) ^ near.rotate_right(8) ^ (near >> 7);
                let high = far.rotate_right(19) ^ far.rotate_right(61) ^ (far >> 6);
                low.wrapping_add(high)
            });
            w[t] = add(add(w[t], w[(t + 9) % 16]), mixed);
        }
    }
    for (word, more) in state.iter_mut().zip(now) {
        *word = add(*word, more);
    }
}

#[inline(always)]
fn add(a: Words, b: Words) -> Words {
    each(|lane| a[lane].wrapping_add(b[lane]))
}

/// A plain loop, which becomes one instruction; `std::array::from_fn` does not.
#[inline(always)]
fn each(word: impl Fn(usize) -> u64) -> Words {
    let mut words = [0; LANES];
    for (lane, out) in words.iter_mut().enumerate() {
        *out = word(lane);
    }
    words
}

/// Section 5.3.5.
const INITIAL: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// Section 4.2.3.
#[rustfmt::skip]
const ROUNDS: [u64; 80] = [
    0x428a_2f98_d728_ae22, 0x7137_4491_23ef_65cd, 0xb5c0_fbcf_ec4d_3b2f, 0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538, 0x59f1_11f1_b605_d019, 0x923f_82a4_af19_4f9b, 0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242, 0x1283_5b01_4570_6fbe, 0x2431_85be_4ee4_b28c, 0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f, 0x80de_b1fe_3b16_96b1, 0x9bdc_06a7_25c7_1235, 0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2, 0xefbe_4786_384f_25e3, 0x0fc1_9dc6_8b8c_d5b5, 0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275, 0x4a74_84aa_6ea6_e483, 0x5cb0_a9dc_bd41_fbd4, 0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab, 0xa831_c66d_2db4_3210, 0xb003_27c8_98fb_213f, 0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2, 0xd5a7_9147_930a_a725, 0x06ca_6351_e003_826f, 0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc, 0x2e1b_2138_5c26_c926, 0x4d2c_6dfc_5ac4_2aed, 0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de, 0x766a_0abb_3c77_b2a8, 0x81c2_c92e_47ed_aee6, 0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364, 0xa81a_664b_bc42_3001, 0xc24b_8b70_d0f8_9791, 0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218, 0xd699_0624_5565_a910, 0xf40e_3585_5771_202a, 0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8, 0x1e37_6c08_5141_ab53, 0x2748_774c_df8e_eb99, 0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63, 0x4ed8_aa4a_e341_8acb, 0x5b9c_ca4f_7763_e373, 0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc, 0x78a5_636f_4317_2f60, 0x84c8_7814_a1f0_ab72, 0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28, 0xa450_6ceb_de82_bde9, 0xbef9_a3f7_b2c6_7915, 0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c, 0xd186_b8c7_21c0_c207, 0xeada_7dd6_cde0_eb1e, 0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba, 0x0a63_7dc5_a2c8_98a6, 0x113f_9804_bef9_0dae, 0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84, 0x32ca_ab7b_40c7_2493, 0x3c9e_be0a_15c9_bebc, 0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6, 0x597f_299c_fc65_7e2a, 0x5fcb_6fab_3ad6_faec, 0x6c44_198c_4a47_5817,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Without the instructions the lanes are what is not used; the arithmetic is the same.
    fn all_agree(texts: &[Vec<u8>]) -> Result<(), TestCaseError> {
        let parts: Vec<[&[u8]; 2]> = (texts.iter())
            .map(|text| text.split_at(text.len() / 3).into())
            .collect();
        let expected: Vec<[u8; 64]> = texts
            .iter()
            .map(|text| Sha512::digest(text).into())
            .collect();
        prop_assert_eq!(&in_lanes(&parts, compress), &expected);
        prop_assert_eq!(&sha512_of_each(&parts), &expected);
        Ok(())
    }

    #[test]
    fn every_length_up_to_four_blocks_is_padded_rightly() {
        let texts: Vec<Vec<u8>> = (0..=512).map(|length| vec![0xa7; length]).collect();
        assert!(all_agree(&texts).is_ok());
    }

    proptest! {
        #[test]
        fn any_texts_have_the_hashes_that_they_have_one_by_one(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2_000), 0..40),
        ) {
            all_agree(&texts)?;
        }
    }
}
