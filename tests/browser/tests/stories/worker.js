// Ways in which service workers fetch navigations; ?how= says which.
const how = new URL(location).searchParams.get('how');

const ways = {
  as_it_is: (event) => fetch(event.request),
  with_options: (event) => fetch(event.request, { cache: 'no-store' }),
  changed: (event) => {
    const headers = new Headers(event.request.headers);
    headers.set('x-from-worker', 'yes');
    return fetch(new Request(event.request, { headers }));
  },
  preloaded: async (event) => (await event.preloadResponse) || Response.error(),
  or_cached: (event) => fetch(event.request, { cache: 'no-cache' }).catch(() => new Response('from the cache')),
  address: (event) => fetch(event.request.url),
  page_of_address: (event) => {
    const { headers, url } = event.request;
    return fetch(url, { mode: 'same-origin', headers }).catch((error) => new Response(String(error)));
  },
  address_or_redirect: async (event) => {
    const answer = await fetch(event.request.url);
    if (answer.status !== 401) return answer;
    const { pathname, search } = new URL(event.request.url);
    return Response.redirect('/.auth/sign-in?return=' + encodeURIComponent(pathname + search));
  },
};

addEventListener('install', (event) => event.waitUntil(skipWaiting()));
addEventListener('activate', (event) => event.waitUntil((async () => {
  if (how === 'preloaded') await registration.navigationPreload.enable();
  await clients.claim();
})()));
addEventListener('fetch', (event) => {
  const { pathname } = new URL(event.request.url);
  // With the address alone the browser couldn't follow a redirect, so what is one is left to it.
  const left = how.startsWith('address') && pathname.startsWith('/.auth/');
  if (event.request.mode === 'navigate' && !left) event.respondWith(ways[how](event));
});
