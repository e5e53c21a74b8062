/** Whether a text can be what somebody wrote. Pure. */

/**
 * How much speaks against a reading of bytes in a character set: characters that stand for nothing, signs within a word,
 * capitals after small letters, scripts mixed in one word. 0 for what looks like a text. Only what is not ASCII is judged.
 */
export function oddities(text: string): number {
  return ODD.reduce((count, pattern) => count + (text.match(pattern)?.length ?? 0), 0) + mixedWords(text);
}

const ODD: readonly RegExp[] = [
  // Undecodable, control and unassigned characters.
  /[\ufffd\x80-\x9f\p{Cn}\p{Co}]/gu,
  // Signs and blanks that touch a letter: ¼, ©, the soft hyphen; ª and º, which Unicode calls letters.
  /(?<=\p{L})[^\p{ASCII}\p{L}\p{M}]|[^\p{ASCII}\p{L}\p{M}](?=\p{L})|[ªº]/gu,
  // A small letter before a capital, one of them not ASCII.
  /(?<=\P{ASCII})(?<=\p{Ll})\p{Lu}|(?<=\p{Ll})(?=\P{ASCII})\p{Lu}/gu,
  // Half-width katakana amid Chinese characters.
  /[\uff61-\uff9f]\p{sc=Han}|\p{sc=Han}[\uff61-\uff9f]/gu,
];

const SCRIPTS: readonly RegExp[] = [
  /\p{sc=Latin}/u,
  /\p{sc=Cyrillic}/u,
  /\p{sc=Greek}/u,
  /\p{sc=Arabic}/u,
  /\p{sc=Hebrew}/u,
  /\p{sc=Thai}/u,
  /\p{sc=Hangul}/u,
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]/u,
  // Any other script.
  /(?=\p{L})[^\p{sc=Common}\p{sc=Inherited}\p{sc=Latin}\p{sc=Cyrillic}\p{sc=Greek}\p{sc=Arabic}\p{sc=Hebrew}\p{sc=Thai}\p{sc=Hangul}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]/u,
];

const mixedWords = (text: string): number =>
  (text.match(/[\p{L}\p{M}]+/gu) ?? []).filter((word) => SCRIPTS.filter((script) => script.test(word)).length > 1)
    .length;
