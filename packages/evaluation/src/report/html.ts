/** HTML that cannot be broken by what is written into it. */
import { escapeHtml } from '@ichor/shared/escapeHtml';

/** Text that is HTML already. */
export type Html = { readonly html: string };
type Part = Html | string | number | null | false | readonly Part[];

/** Template tag: every value is escaped unless it is {@link Html}; null and false are nothing, lists are joined. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: texts.reduce((whole, text, index) => whole + rendered(parts[index - 1] ?? null) + text) };
}

function rendered(part: Part): string {
  if (part === null || part === false) return '';
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part));
  return 'html' in part ? part.html : part.map(rendered).join('');
}
