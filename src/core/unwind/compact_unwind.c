#include "compact_unwind.h"

#include <string.h>

#define VERSION 1
#define PAGE_REGULAR 2    /* 8-byte entries: function, encoding */
#define PAGE_COMPRESSED 3 /* 4-byte entries: 24 bits of offset from the index entry's function, 8 of encoding number */
#define COMPRESSED_FUNCTION UINT32_C(0x00FFFFFF)

/* Layout as in the section; offsets are from its first byte. */
typedef struct info_header {
    uint32_t version;
    uint32_t common_offset, common_count;
    uint32_t personality_offset, personality_count;
    uint32_t index_offset, index_count;
} info_header;

/* The last index entry has no page: its function is the end of the last one. */
typedef struct index_entry {
    uint32_t function, page, handlers;
} index_entry;

typedef struct page_header {
    uint32_t kind;
    uint16_t entry_offset, entry_count;       /* offsets are from the page's first byte */
    uint16_t encoding_offset, encoding_count; /* compressed pages only */
} page_header;

_Static_assert(sizeof(info_header) == 28 && sizeof(index_entry) == 12 && sizeof(page_header) == 12, "as in the file");

static bool read_info(const sp_compact_image *image, uint64_t offset, void *out, size_t size) {
    uint64_t length = (uint64_t)(image->info_end - image->info);
    if (offset > length || size > length - offset) return false;
    memcpy(out, image->info + offset, size);
    return true;
}

/* An array of entries that begin with a word and are sorted by it. */
typedef struct sorted {
    uint64_t offset;
    uint32_t count, entry_size, mask;
} sorted;

static bool read_key(const sp_compact_image *image, const sorted *array, uint32_t number, uint32_t *key) {
    if (!read_info(image, array->offset + (uint64_t)number * array->entry_size, key, sizeof *key)) return false;
    *key &= array->mask;
    return true;
}

/* Find the last entry that is not above `wanted`. Return false if there is none, or it cannot be read. */
static bool find_last(const sp_compact_image *image, const sorted *array, uint32_t wanted, uint32_t *found) {
    uint32_t low = 0, high = array->count, key;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (!read_key(image, array, middle, &key)) return false;
        if (key <= wanted)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low - 1;
    return low > 0;
}

/* ---- Pages ---- */

/* Fill in where the entry's function begins and ends: at the next entry, or where the index's next page begins. */
static bool find_in_page(const sp_compact_image *image, const sorted *entries, uint32_t base, uint32_t offset,
                         sp_compact_entry *entry, uint32_t *number) {
    uint32_t start, end;
    if (!find_last(image, entries, offset - base, number)) return false;
    if (!read_key(image, entries, *number, &start)) return false;
    entry->start = base + start;
    if (*number + 1 < entries->count) {
        if (!read_key(image, entries, *number + 1, &end)) return false;
        entry->end = base + end;
    }
    return entry->start <= offset && offset < entry->end;
}

static bool find_regular(const sp_compact_image *image, uint32_t page, uint32_t offset, sp_compact_entry *entry) {
    page_header header;
    uint32_t number;
    if (!read_info(image, page, &header, offsetof(page_header, encoding_offset))) return false;
    sorted entries = {(uint64_t)page + header.entry_offset, header.entry_count, 8, UINT32_MAX};
    return find_in_page(image, &entries, 0, offset, entry, &number) &&
           read_info(image, entries.offset + number * 8 + 4, &entry->encoding, sizeof entry->encoding);
}

static bool find_compressed(const sp_compact_image *image, const info_header *info, const index_entry *index,
                            uint32_t offset, sp_compact_entry *entry) {
    page_header header;
    uint32_t number, word;
    if (!read_info(image, index->page, &header, sizeof header)) return false;
    sorted entries = {(uint64_t)index->page + header.entry_offset, header.entry_count, 4, COMPRESSED_FUNCTION};
    if (!find_in_page(image, &entries, index->function, offset, entry, &number)) return false;
    if (!read_info(image, entries.offset + number * 4, &word, sizeof word)) return false;
    uint32_t encoding = word >> 24;
    uint64_t at = info->common_offset + (uint64_t)encoding * 4;
    if (encoding >= info->common_count) {
        encoding -= info->common_count;
        if (encoding >= header.encoding_count) return false;
        at = (uint64_t)index->page + header.encoding_offset + encoding * 4;
    }
    return read_info(image, at, &entry->encoding, sizeof entry->encoding);
}

bool sp_compact_unwind_find(const sp_compact_image *image, uint32_t offset, sp_compact_entry *entry) {
    info_header info;
    index_entry index[2];
    uint32_t number, kind;
    if (!read_info(image, 0, &info, sizeof info) || info.version != VERSION || info.index_count < 2) return false;
    sorted pages = {info.index_offset, info.index_count - 1, sizeof(index_entry), UINT32_MAX};
    if (!find_last(image, &pages, offset, &number)) return false;
    if (!read_info(image, pages.offset + (uint64_t)number * sizeof *index, index, sizeof index)) return false;
    if (index[0].page == 0 || !read_info(image, index[0].page, &kind, sizeof kind)) return false;
    entry->end = index[1].function;
    if (kind == PAGE_REGULAR) return find_regular(image, index[0].page, offset, entry);
    return kind == PAGE_COMPRESSED && find_compressed(image, &info, &index[0], offset, entry);
}
