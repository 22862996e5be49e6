// A real OpenID provider on a port of loopback: clients may ask for a token for a resource, signed with RS256.
// node oidc_provider.mjs PORT KEYS, where KEYS is a file with a private JSON Web Key Set.
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const [port, keys] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const resource = {
  scope: 'score',
  accessTokenFormat: 'jwt',
  accessTokenTTL: 300,
  jwt: { sign: { alg: 'RS256' } },
};
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'shop', client_secret: 'secret-of-the-shop', grant_types: ['client_credentials'], redirect_uris: [],
    response_types: [],
  }],
  jwks: JSON.parse(readFileSync(keys, 'utf8')),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: async (_context, indicator) => ({ ...resource, audience: indicator }),
    },
  },
});
provider.listen(Number(port), '127.0.0.1', () => console.log(`ready ${issuer}`));
