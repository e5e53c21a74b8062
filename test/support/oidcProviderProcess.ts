/** A real OpenID Connect provider as its own process: `node oidcProviderProcess.ts PORT REDIRECT_ORIGIN`. See oidcProvider.ts. */
import Provider from 'oidc-provider';

const [port, redirectOrigin] = process.argv.slice(2);
/** Who can sign in there (any password), and the groups that the ID token names. */
const PEOPLE: Readonly<Record<string, { name: string; groups: string[] }>> = {
  ada: { name: 'Ada Lovelace', groups: ['staff', 'neuro-readers'] },
  grace: { name: 'Grace Hopper', groups: ['pacs-admins', 'neuro-readers'] },
  mallory: { name: 'Mallory', groups: ['staff'] },
};

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: 'ichor',
      client_secret: 'a secret & of: the test',
      redirect_uris: [`${redirectOrigin}/sign-in/oidc/callback`],
      post_logout_redirect_uris: [`${redirectOrigin}/sign-in`],
    },
  ],
  claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'], email: ['email'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['only for tests'] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, ...PEOPLE[id] }),
  }),
});
provider.listen(Number(port), '127.0.0.1', () => console.log('provider listens'));
