// The texts of a record, as what explains an answer speaks of them: by `key`, and `choice` of a list.

/** The text that a word `{key, choice}` stands in. */
export function textOf({ key, choice }, record) {
  const value = record[key] ?? (key === "text" ? (record.sentence ?? record.tokens.join(" ")) : "");
  return choice === undefined ? value : value[choice];
}

/** Groups words by their texts, in the order in which these come. */
export function byText(words) {
  return [...Map.groupBy(words, (word) => [word.key, word.choice].join(" ")).values()];
}
