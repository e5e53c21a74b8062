/** A browser without script: cookies per host, redirects, forms with the origin of their page. */

export type Page = { readonly status: number; readonly url: string; readonly text: string; readonly headers: Headers };
export type WebClient = {
  /** Follows redirects, as for a link or the address bar. */
  open(url: string): Promise<Page>;
  /** Sends a form of the page at `from` (by default of the same host). */
  submit(url: string, fields: Readonly<Record<string, string>>, from?: string): Promise<Page>;
  /** One request without redirects, with the cookies. */
  send(url: string, init?: RequestInit): Promise<Response>;
  /** Cookies of a host, by name; change them to play tricks. */
  cookies(url: string): Map<string, string>;
};

export function openWebClient(base: string): WebClient {
  const jars = new Map<string, Map<string, string>>();
  const absolute = (url: string): URL => new URL(url, base);
  const jarOf = (url: URL): Map<string, string> => {
    if (!jars.has(url.host)) jars.set(url.host, new Map());
    return jars.get(url.host)!;
  };
  const send = async (url: URL, init: RequestInit = {}): Promise<Response> => {
    const jar = jarOf(url);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(init.headers as Record<string, string>), ...(cookie && { cookie }) };
    const answer = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of answer.headers.getSetCookie()) keep(jar, line);
    return answer;
  };
  const follow = async (url: URL, init: RequestInit): Promise<Page> => {
    let [at, next] = [url, await send(url, init)];
    for (let hops = 0; next.status >= 300 && next.status < 400 && hops < 20; hops++) {
      await next.arrayBuffer();
      at = new URL(next.headers.get('location')!, at);
      next = await send(at, { headers: { accept: 'text/html' } });
    }
    return { status: next.status, url: at.href, text: await next.text(), headers: next.headers };
  };
  return {
    open: (url) => follow(absolute(url), { headers: { accept: 'text/html' } }),
    submit(url, fields, from) {
      const headers = { accept: 'text/html', origin: new URL(from ?? absolute(url)).origin };
      return follow(absolute(url), { method: 'POST', headers, body: new URLSearchParams(fields) });
    },
    send: (url, init) => send(absolute(url), init),
    cookies: (url) => jarOf(absolute(url)),
  };
}

function keep(jar: Map<string, string>, line: string): void {
  const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
  const expires = /max-age=0/i.test(line) || /expires=thu, 01 jan 1970/i.test(line) || value === '';
  if (expires) jar.delete(name!);
  else jar.set(name!, value!);
}
