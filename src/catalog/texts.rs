use memchr::memmem::Finder;

/// All that search looks at, in one piece of memory: running through it costs a fraction of what
/// following a pointer to each item would.
///
/// It is cut into blocks, and each block knows which two and three bytes in a row occur in it. Most
/// blocks lack some of those that are looked for, and are not run through.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// Each text followed by [`BORDER`].
    all: String,
    /// Where each text begins, and the first item that it belongs to.
    begins: Vec<(usize, usize)>,
    blocks: Vec<Block>,
}

/// No text that is served holds a NUL, and no query does.
const BORDER: char = '\0';
/// Large enough that a block pays for being looked at, small enough that most lack something.
const BLOCK_BYTES: usize = 16 * 1024;
const GRAM_BITS: usize = 1 << 16;
/// Three bytes say more than two, which are all that some people type.
const GRAMS: [usize; 2] = [3, 2];

#[derive(Debug)]
struct Block {
    begin: usize,
    /// One bit for each hash of some bytes in a row.
    grams: Box<[u64]>,
}

/// What is looked for.
#[derive(Debug, Clone)]
pub(super) struct Needle {
    finder: Finder<'static>,
    grams: Vec<usize>,
}

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        let size = GRAMS.into_iter().find(|size| *size <= text.len());
        let windows = size.map(|size| text.as_bytes().windows(size));
        let grams = windows.into_iter().flatten().map(hash).collect();
        Self { finder: Finder::new(text).into_owned(), grams }
    }
}

impl Texts {
    /// Adds the text of the items from this one on.
    pub(super) fn push(&mut self, text: &str, item: usize) {
        let begin = self.all.len();
        if self.blocks.last().is_none_or(|block| begin - block.begin >= BLOCK_BYTES) {
            self.blocks.push(Block { begin, grams: vec![0; GRAM_BITS / 64].into() });
        }
        if let Some(block) = self.blocks.last_mut() {
            for gram in GRAMS.into_iter().flat_map(|size| text.as_bytes().windows(size)).map(hash) {
                block.grams[gram / 64] |= 1 << (gram % 64);
            }
        }
        self.begins.push((begin, item));
        self.all.push_str(text);
        self.all.push(BORDER);
    }

    /// The text that an item belongs to.
    pub(super) fn of_item(&self, item: usize) -> usize {
        self.begins.partition_point(|(_, first)| *first <= item).saturating_sub(1)
    }

    /// The text that holds this byte, not before `from`. The next hit is mostly close by, and leaps from
    /// there stay in memory that was looked at just now.
    fn text_at(&self, byte: usize, from: usize) -> usize {
        let begins = &self.begins[from..];
        let mut leap = 1;
        while begins.get(leap).is_some_and(|(begin, _)| *begin <= byte) {
            leap *= 2;
        }
        let (least, most) = (leap / 2, begins.len().min(leap));
        from + least + begins[least..most].partition_point(|(begin, _)| *begin <= byte) - 1
    }

    /// The first text from this one on that holds the needle: which, and the first items of it and of
    /// the text behind it.
    pub(super) fn find(
        &self,
        needle: &Needle,
        from: usize,
    ) -> Option<(usize, usize, Option<usize>)> {
        let (mut at, _) = *self.begins.get(from)?;
        let first = self.blocks.partition_point(|block| block.begin <= at) - 1;
        for (index, block) in self.blocks.iter().enumerate().skip(first) {
            at = at.max(block.begin);
            let end = self.blocks.get(index + 1).map_or(self.all.len(), |next| next.begin);
            if !block.may_hold(needle) {
                continue;
            }
            if let Some(found) = needle.finder.find(&self.all.as_bytes()[at..end]) {
                let text = self.text_at(at + found, from);
                let next = self.begins.get(text + 1).map(|(_, item)| *item);
                return Some((text, self.begins[text].1, next));
            }
        }
        None
    }
}

impl Block {
    fn may_hold(&self, needle: &Needle) -> bool {
        needle.grams.iter().all(|gram| self.grams[gram / 64] & (1 << (gram % 64)) != 0)
    }
}

fn hash(gram: &[u8]) -> usize {
    let number = gram.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    // The upper half of a product with an odd constant depends on every bit.
    usize::try_from(number.wrapping_mul(0x9E37_79B1) >> 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_that_holds_the_needle_is_found_and_no_other(
            words in prop::collection::vec("[a-cé]{0,5}", 1..40),
            needle in "[a-cé]{1,4}",
            repeats in 1..400_usize,
        ) {
            // Long enough for several blocks.
            let texts: Vec<String> = words.iter().map(|word| format!("{} {word}", "z".repeat(repeats))).collect();
            let mut shelf = Texts::default();
            texts.iter().enumerate().for_each(|(index, text)| shelf.push(text, 2 * index));
            let wanted: Vec<usize> =
                (0..texts.len()).filter(|index| texts[*index].contains(&needle)).collect();
            let (mut found, mut from) = (Vec::new(), 0);
            while let Some((text, item, next)) = shelf.find(&Needle::new(&needle), from) {
                prop_assert_eq!(item, 2 * text);
                prop_assert_eq!(next.is_none(), text + 1 == texts.len());
                prop_assert_eq!(shelf.of_item(item + 1), text);
                found.push(text);
                from = text + 1;
            }
            prop_assert_eq!(found, wanted);
        }
    }
}
