// Every address of the dashboard; each page is loaded when it is first opened.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";

import { NotFoundPage, RouteErrorPage } from "@/app/fallbacks";
import { Shell } from "@/app/Shell";
import { deadLetterSearch, deadLettersSearch } from "@/features/dead-letters/search";
import { jobSearch, jobsSearch } from "@/features/jobs/search";
import { tasksSearch } from "@/features/tasks/search";
import { basePath } from "@/lib/base";

const rootRoute = createRootRoute({ component: Shell, notFoundComponent: NotFoundPage });
const at = { getParentRoute: () => rootRoute };

const routeTree = rootRoute.addChildren([
  createRoute({
    ...at,
    path: "/",
    component: lazyRouteComponent(() => import("@/features/overview/OverviewPage"), "OverviewPage"),
  }),
  createRoute({
    ...at,
    path: "/jobs",
    validateSearch: jobsSearch,
    component: lazyRouteComponent(() => import("@/features/jobs/JobsPage"), "JobsPage"),
  }),
  createRoute({
    ...at,
    path: "/jobs/$jobId",
    validateSearch: jobSearch,
    component: lazyRouteComponent(() => import("@/features/jobs/JobPage"), "JobPage"),
  }),
  createRoute({
    ...at,
    path: "/dead-letters",
    validateSearch: deadLettersSearch,
    component: lazyRouteComponent(() => import("@/features/dead-letters/DeadLettersPage"), "DeadLettersPage"),
  }),
  createRoute({
    ...at,
    path: "/dead-letters/$jobId",
    validateSearch: deadLetterSearch,
    component: lazyRouteComponent(() => import("@/features/dead-letters/DeadLetterPage"), "DeadLetterPage"),
  }),
  createRoute({
    ...at,
    path: "/queues",
    component: lazyRouteComponent(() => import("@/features/queues/QueuesPage"), "QueuesPage"),
  }),
  createRoute({
    ...at,
    path: "/workers",
    component: lazyRouteComponent(() => import("@/features/workers/WorkersPage"), "WorkersPage"),
  }),
  createRoute({
    ...at,
    path: "/tasks",
    validateSearch: tasksSearch,
    component: lazyRouteComponent(() => import("@/features/tasks/TasksPage"), "TasksPage"),
  }),
]);

export const router = createRouter({
  routeTree,
  basepath: basePath || "/",
  defaultErrorComponent: RouteErrorPage,
  // Hovering a link loads its page's code; its data comes when it is opened.
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
