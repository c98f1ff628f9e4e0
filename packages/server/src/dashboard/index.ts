export type { DashboardOptions } from './dashboard-options.ts';
export { dashboardRoutes } from './dashboard-routes.ts';
export { createDashboardServer } from './dashboard-server.ts';
