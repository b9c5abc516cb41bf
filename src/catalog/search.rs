use memchr::memmem::Finder;

/// The text of all items for search, in one piece of memory: scanning it costs a fraction of following a
/// pointer to each item.
///
/// The text is divided into blocks. Each block records the sequences of two and three bytes that occur
/// in it. Most blocks lack a sequence of the search term, and are not scanned.
#[derive(Debug, Default)]
pub(super) struct SearchText {
    /// Each text followed by [`BORDER`].
    all: String,
    /// The beginning of each text, and the first item that it belongs to.
    begins: Vec<(usize, usize)>,
    blocks: Vec<Block>,
}

/// A NUL, which neither served texts nor queries have.
const BORDER: char = '\0';
/// Large enough to pay for the check of a block, small enough that most blocks lack a sequence.
const BLOCK_BYTES: usize = 16 * 1024;
const GRAM_BITS: usize = 1 << 16;
/// Three bytes exclude more blocks than two, but some search terms have only two.
const GRAMS: [usize; 2] = [3, 2];

#[derive(Debug)]
struct Block {
    begin: usize,
    /// One bit for each hash of a byte sequence.
    grams: Box<[u64]>,
}

/// A search term, prepared for scanning.
#[derive(Debug, Clone)]
pub(super) struct SearchTerm {
    finder: Finder<'static>,
    grams: Vec<usize>,
}

impl SearchTerm {
    pub(super) fn new(text: &str) -> Self {
        let size = GRAMS.into_iter().find(|size| *size <= text.len());
        let windows = size.map(|size| text.as_bytes().windows(size));
        let grams = windows.into_iter().flatten().map(hash).collect();
        Self { finder: Finder::new(text).into_owned(), grams }
    }
}

impl SearchText {
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

    /// Returns the text that an item belongs to.
    pub(super) fn of_item(&self, item: usize) -> usize {
        self.begins.partition_point(|(_, first)| *first <= item).saturating_sub(1)
    }

    /// Returns the text with this byte, not before `from`. The next hit is mostly close, and an exponential
    /// search from there stays in memory that was read just before.
    fn text_at(&self, byte: usize, from: usize) -> usize {
        let begins = &self.begins[from..];
        let mut leap = 1;
        while begins.get(leap).is_some_and(|(begin, _)| *begin <= byte) {
            leap *= 2;
        }
        let (least, most) = (leap / 2, begins.len().min(leap));
        from + least + begins[least..most].partition_point(|(begin, _)| *begin <= byte) - 1
    }

    /// Finds the first text, from this one on, with the search term. Returns the text, and the first items
    /// of it and of the next text.
    pub(super) fn find(
        &self,
        term: &SearchTerm,
        from: usize,
    ) -> Option<(usize, usize, Option<usize>)> {
        let (mut at, _) = *self.begins.get(from)?;
        let first = self.blocks.partition_point(|block| block.begin <= at) - 1;
        for (index, block) in self.blocks.iter().enumerate().skip(first) {
            at = at.max(block.begin);
            let end = self.blocks.get(index + 1).map_or(self.all.len(), |next| next.begin);
            if !block.may_contain(term) {
                continue;
            }
            if let Some(found) = term.finder.find(&self.all.as_bytes()[at..end]) {
                let text = self.text_at(at + found, from);
                let next = self.begins.get(text + 1).map(|(_, item)| *item);
                return Some((text, self.begins[text].1, next));
            }
        }
        None
    }
}

impl Block {
    fn may_contain(&self, term: &SearchTerm) -> bool {
        term.grams.iter().all(|gram| self.grams[gram / 64] & (1 << (gram % 64)) != 0)
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
        fn search_finds_exactly_the_texts_with_the_term(
            words in prop::collection::vec("[a-cé]{0,5}", 1..40),
            term in "[a-cé]{1,4}",
            repeats in 1..400_usize,
        ) {
            // Long enough for several blocks.
            let search: Vec<String> = words.iter().map(|word| format!("{} {word}", "z".repeat(repeats))).collect();
            let mut index = SearchText::default();
            search.iter().enumerate().for_each(|(at, text)| index.push(text, 2 * at));
            let wanted: Vec<usize> =
                (0..search.len()).filter(|index| search[*index].contains(&term)).collect();
            let (mut found, mut from) = (Vec::new(), 0);
            while let Some((text, item, next)) = index.find(&SearchTerm::new(&term), from) {
                prop_assert_eq!(item, 2 * text);
                prop_assert_eq!(next.is_none(), text + 1 == search.len());
                prop_assert_eq!(index.of_item(item + 1), text);
                found.push(text);
                from = text + 1;
            }
            prop_assert_eq!(found, wanted);
        }
    }
}
