/** HTML that cannot be broken by what is written into it. */

/** Text that is HTML already. */
export type Html = { readonly html: string };
type Part = Html | string | number | null | false | readonly Part[];

/** Template tag: every value is escaped unless it is {@link Html}; null and false are nothing, lists are joined. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: texts.reduce((whole, text, index) => whole + rendered(parts[index - 1] ?? null) + text) };
}

function rendered(part: Part): string {
  if (part === null || part === false) return '';
  if (typeof part === 'string' || typeof part === 'number') return escaped(String(part));
  return 'html' in part ? part.html : part.map(rendered).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (letter) => ENTITIES[letter]!);
