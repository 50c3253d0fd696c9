"""Published operations of OSS that this server does not offer: one line each.

Clients get ``501 NotImplemented`` with the name.  Behind name and method stand the selectors;
``+`` marks a header without which the request means something else.
"""

from ossia.api.operation import Scope
from ossia.api.oss.registry import oss

_SERVICE = (
    ("DescribeRegions", "GET", "regions"),
    ("ListUserDataRedundancyTransition", "GET", "redundancyTransition"),
    ("GetUserQosInfo", "GET", "qosInfo"),
    ("ListCloudBoxes", "GET", "cloudboxes"),
    ("ListResourcePools", "GET", "resourcePool"),
    ("GetResourcePoolInfo", "GET", "resourcePoolInfo"),
    ("ListResourcePoolBuckets", "GET", "resourcePoolBuckets"),
    ("ListAccessPoints", "GET", "accessPoint"),
    ("ListAccessPointsForObjectProcess", "GET", "accessPointForObjectProcess"),
    ("DoDataPipeLineAction", "POST", "dataPipeline"),
    ("WriteGetObjectResponse", "POST", "x-oss-write-get-object-response"),
)

_BUCKET = (
    ("PutBucketReferer", "PUT", "referer"),
    ("PutBucketWebsite", "PUT", "website"),
    ("PutBucketLogging", "PUT", "logging"),
    ("PutUserDefinedLogFieldsConfig", "PUT", "userDefinedLogFieldsConfig"),
    ("GetUserDefinedLogFieldsConfig", "GET", "userDefinedLogFieldsConfig"),
    ("DeleteUserDefinedLogFieldsConfig", "DELETE", "userDefinedLogFieldsConfig"),
    ("PutBucketRequestPayment", "PUT", "requestPayment"),
    ("PutBucketInventory", "PUT", "inventory", "inventoryId"),
    ("GetBucketInventory", "GET", "inventory", "inventoryId"),
    ("DeleteBucketInventory", "DELETE", "inventory", "inventoryId"),
    ("ListBucketInventory", "GET", "inventory"),
    ("PutBucketReplication", "POST", "replication", "comp=add"),
    ("DeleteBucketReplication", "POST", "replication", "comp=delete"),
    ("GetBucketReplicationLocation", "GET", "replicationLocation"),
    ("GetBucketReplicationProgress", "GET", "replicationProgress"),
    ("PutBucketRTC", "PUT", "rtc"),
    ("PutBucketTransferAcceleration", "PUT", "transferAcceleration"),
    ("PutBucketResourceGroup", "PUT", "resourceGroup"),
    ("PutBucketHttpsConfig", "PUT", "httpsConfig"),
    ("GetBucketHttpsConfig", "GET", "httpsConfig"),
    ("PutStyle", "PUT", "style", "styleName"),
    ("GetStyle", "GET", "style", "styleName"),
    ("DeleteStyle", "DELETE", "style", "styleName"),
    ("ListStyle", "GET", "style"),
    ("PutCname", "POST", "cname", "comp=add"),
    ("DeleteCname", "POST", "cname", "comp=delete"),
    ("CreateCnameToken", "POST", "cname", "comp=token"),
    ("GetCnameToken", "GET", "cname", "comp=token"),
    ("ListCname", "GET", "cname"),
    ("SetBucketStorageCapacity", "PUT", "qos"),
    ("GetBucketStorageCapacity", "GET", "qos"),
    ("PutBucketRequesterQosInfo", "PUT", "requesterQosInfo", "qosRequester"),
    ("GetBucketRequesterQosInfo", "GET", "requesterQosInfo", "qosRequester"),
    ("DeleteBucketRequesterQosInfo", "DELETE", "requesterQosInfo", "qosRequester"),
    ("ListBucketRequesterQosInfos", "GET", "requesterQosInfo"),
    ("OpenMetaQuery", "POST", "metaQuery", "comp=add"),
    ("GetMetaQueryStatus", "GET", "metaQuery"),
    ("DoMetaQuery", "POST", "metaQuery", "comp=query"),
    ("CloseMetaQuery", "POST", "metaQuery", "comp=delete"),
    # Its further parameters, action above all, are no sub-resources.
    ("DoMetaQueryAction", "POST", "metaQuery"),
    ("CreateAccessPoint", "PUT", "accessPoint"),
    ("GetAccessPoint", "GET", "accessPoint", "+x-oss-access-point-name"),
    ("DeleteAccessPoint", "DELETE", "accessPoint"),
    ("PutAccessPointPolicy", "PUT", "accessPointPolicy"),
    ("GetAccessPointPolicy", "GET", "accessPointPolicy"),
    ("DeleteAccessPointPolicy", "DELETE", "accessPointPolicy"),
    ("CreateAccessPointForObjectProcess", "PUT", "accessPointForObjectProcess"),
    (
        "GetAccessPointForObjectProcess",
        "GET",
        "accessPointForObjectProcess",
        "+x-oss-access-point-for-object-process-name",
    ),
    ("ListAccessPointsForObjectProcess", "GET", "accessPointForObjectProcess"),
    ("DeleteAccessPointForObjectProcess", "DELETE", "accessPointForObjectProcess"),
    ("PutAccessPointConfigForObjectProcess", "PUT", "accessPointConfigForObjectProcess"),
    ("GetAccessPointConfigForObjectProcess", "GET", "accessPointConfigForObjectProcess"),
    ("PutAccessPointPolicyForObjectProcess", "PUT", "accessPointPolicyForObjectProcess"),
    ("GetAccessPointPolicyForObjectProcess", "GET", "accessPointPolicyForObjectProcess"),
    ("DeleteAccessPointPolicyForObjectProcess", "DELETE", "accessPointPolicyForObjectProcess"),
    ("CreateBucketDataRedundancyTransition", "POST", "redundancyTransition"),
    ("GetBucketDataRedundancyTransition", "GET", "redundancyTransition"),
    ("DeleteBucketDataRedundancyTransition", "DELETE", "redundancyTransition"),
    ("PutAsyncFetchTask", "POST", "asyncFetch"),
    ("GetAsyncFetchTask", "GET", "asyncFetch"),
    ("PutProcessConfiguration", "PUT", "processConfiguration"),
    ("GetProcessConfiguration", "GET", "processConfiguration"),
    ("PutBucketResponseHeader", "PUT", "responseHeader"),
    ("GetBucketResponseHeader", "GET", "responseHeader"),
    ("DeleteBucketResponseHeader", "DELETE", "responseHeader"),
    ("GetImageBucket", "GET", "img"),
    ("GetVpcip", "GET", "vpcip"),
)

_OBJECT = (
    ("GetProcessedObject", "GET", "x-oss-process"),
    ("SelectObject", "POST", "x-oss-process=csv/select"),
    ("SelectObject", "POST", "x-oss-process=json/select"),
    ("CreateSelectObjectMeta", "POST", "x-oss-process=csv/meta"),
    ("CreateSelectObjectMeta", "POST", "x-oss-process=json/meta"),
    ("AsyncProcessObject", "POST", "x-oss-async-process"),
    ("PutLiveChannel", "PUT", "live"),
    ("PutLiveChannelStatus", "PUT", "live", "status"),
    ("GetLiveChannelInfo", "GET", "live"),
    ("GetLiveChannelStat", "GET", "live", "comp=stat"),
    ("GetLiveChannelHistory", "GET", "live", "comp=history"),
    ("DeleteLiveChannel", "DELETE", "live"),
    ("PostVodPlaylist", "POST", "vod"),
    ("GetVodPlaylist", "GET", "vod"),
    # Of buckets with a hierarchical namespace, which PutBucket makes none of: keys are flat here.
    ("CreateDirectory", "POST", "x-oss-dir"),
    ("DeleteDirectory", "POST", "x-oss-delete"),
    ("RenameObject", "POST", "x-oss-rename"),
    # From before uploads in parts and symlinks, which do what they did; no SDK of today sends them.
    ("CreateObjectLink", "PUT", "link"),
    ("GetObjectLink", "GET", "link"),
    ("PostObjectGroup", "POST", "group"),
)

for _scope, _table in (
    (Scope.SERVICE, _SERVICE),
    (Scope.BUCKET, _BUCKET),
    (Scope.OBJECT, _OBJECT),
):
    for _name, _method, *_marks in _table:
        oss.decline(
            _name,
            _method,
            _scope,
            *(each for each in _marks if not each.startswith("+")),
            header=next((each[1:] for each in _marks if each.startswith("+")), None),
        )
